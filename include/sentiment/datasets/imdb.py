"""IMDb movie reviews (Maas et al. 2011): JSON lines, and the folders of the original archive.

Maas, Daly, Pham, Huang, Ng, Potts: Learning Word Vectors for Sentiment Analysis, ACL 2011. It knows lines, names and
texts, and nothing of files or splits. Ten points become five stars, two points a star, so that 7 and more (positive)
are 4 stars and more, and 4 and less (negative) are 2 and less, as everywhere here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from sentiment.core.text.clean import clean_text
from sentiment.datasets.rows import BadRow, Row

_LABELS = {"neg": 0, "pos": 1}
_NAME = re.compile(r"(?:^|/)(neg|pos)/\d+_(\d+)\.txt$")
_MOST_POINTS = 10


def read_jsonl(lines: Iterable[str]) -> Iterator[Row | BadRow]:
    """Give the rows of objects with `text`, `label` (0 or 1) and maybe `rating` (1-10), `title` and `category`."""
    for line in lines:
        if line.strip():
            yield _object_row(line)


def read_file(name: str, content: str) -> Row | BadRow:
    """Read one review of the archive, such as train/pos/123_8.txt: its label and its points stand in the name."""
    match = _NAME.search(name)
    if not match:
        return BadRow("the name is not like pos/123_8.txt, which holds a label and points")
    return _row(_LABELS[match[1]], "", content, int(match[2]))


def _object_row(line: str) -> Row | BadRow:
    try:
        given: Any = json.loads(line)
    except (ValueError, RecursionError) as error:  # ValueError also of numbers with thousands of digits
        return BadRow(f"not JSON: {error}")
    if not isinstance(given, dict) or not isinstance(given.get("text"), str):
        return BadRow("not an object with a text")
    if given.get("label") not in (0, 1):
        return BadRow(f"the label is {str(given.get('label'))[:20]!r}, not 0 or 1")
    category = clean_text(str(given.get("category") or ""))
    return _row(int(given["label"]), str(given.get("title") or ""), given["text"], given.get("rating"), category)


def _row(label: int, title: str, text: str, points: Any = None, category: str = "") -> Row | BadRow:
    text = clean_text(text)
    if not text:
        return BadRow("the text is empty")
    if points is None:
        return Row(label, clean_text(title), text, None, category)
    if not isinstance(points, int | float) or not 1 <= points <= _MOST_POINTS:
        return BadRow(f"the rating is {str(points)[:20]!r}, not 1 to {_MOST_POINTS}")
    return Row(label, clean_text(title), text, float(math.ceil(points / 2)), category)
