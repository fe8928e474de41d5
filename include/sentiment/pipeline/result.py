"""What a verb returns: a small dict that JSON can hold."""

from typing import Any

Result = dict[str, Any]
