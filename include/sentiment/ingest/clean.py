"""How a raw text becomes the text of a review: the one cleaning, and what the options of an ingestion add to it."""

from __future__ import annotations

import re

from sentiment.core.text.clean import clean_text
from sentiment.ingest.config import IngestOptions

_CONTRACTIONS = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (r"\b(can)'t\b", r"\1not"),
        (r"\b(wo)n't\b", "will not"),
        (r"\b(sha)n't\b", "shall not"),
        (r"n't\b", " not"),
        (r"'re\b", " are"),
        (r"'ve\b", " have"),
        (r"'ll\b", " will"),
        (r"'m\b", " am"),
        (r"\b(it|that|what|there|here|he|she|who)'s\b", r"\1 is"),
    )
)


def clean(text: str, options: IngestOptions) -> str:
    """Return the cleaned text."""
    cleaned = clean_text(text)
    if options.expand_contractions:
        cleaned = _expanded(cleaned)
    return cleaned.lower() if options.lower_case else cleaned


def word_count(text: str) -> int:
    """Count the words of a cleaned text; the empty text has none."""
    return text.count(" ") + 1 if text else 0


def _expanded(text: str) -> str:
    text = text.replace("\u2019", "'")
    for pattern, words in _CONTRACTIONS:
        text = pattern.sub(words, text)
    return text
