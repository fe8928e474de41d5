"""JSON that every program reads: Python's own writes NaN and Infinity, which are no JSON."""

from __future__ import annotations

import json
import math
from typing import Any


def plain_json(content: Any, indent: int | None = None) -> str:
    """Spell a value in ASCII, null in place of a figure that is no number; what has no form is its text.

    It stands on one line, or on many with so many spaces of indentation.
    """
    try:
        return json.dumps(content, allow_nan=False, default=str, indent=indent)
    except ValueError:
        return json.dumps(_finite(content), allow_nan=False, default=str, indent=indent)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value
