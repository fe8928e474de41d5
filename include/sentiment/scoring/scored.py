"""The columns of a scored row, and of what a score is made of, kept by and summed up by: all of them spelled here."""

from __future__ import annotations

import pyarrow as pa

from sentiment.stores.lake.schemas import REVIEWS, SCORES

# A scored row: that of `scores`, the stars for the day's figures, and whether it was known before.
SCORED = pa.schema([*SCORES.schema, REVIEWS.schema.field("rating"), pa.field("reused", pa.bool_())])
# By which a known score is found again; reviews and scores are spread by them, so Spark moves the rows once.
UNCHANGED = ("review_key", "review_date", "text_hash")
TEXTS = ("title", "text")
_OF_REVIEWS = set(REVIEWS.schema.names)
# What a worker gets beside the texts, and what of it is read from `reviews`.
REVIEW_COLUMNS = tuple(name for name in SCORED.names if name in _OF_REVIEWS or name in UNCHANGED)
READ_COLUMNS = (*(name for name in REVIEW_COLUMNS if name in _OF_REVIEWS), *TEXTS)
# What a row of `scores` keeps when its review is not scored again, and what is read to find it.
KEPT = tuple(name for name in SCORES.schema.names if name not in REVIEW_COLUMNS)
KNOWN_COLUMNS = (*UNCHANGED, *KEPT)
# What the figures of a day are worked out from.
SUMMARISED = ("category", "parent_asin", "rating", "label", "needs_review", "model_version", "review_date")
# What a row of a file gains, with the digits that a person is shown.
DECISION = pa.schema(
    [
        (name, pa.float64() if name in ("positive_probability", "confidence") else SCORES.schema.field(name).type)
        for name in (
            *("label", "positive_probability", "confidence", "needs_review"),
            *("decided_by", "model_version", "language"),
        )
    ]
)
