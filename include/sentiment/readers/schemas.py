"""Which columns of a file are a review's: the schemas that are known, and what a person names.

Names are matched without regard to case where that is unambiguous. Sources: the published files and the pages that
describe them (Amazon 2014 to 2023: McAuley's; Amazon's own TSV of 2015; Amazon Fine Food, Women's E-Commerce Clothing
and IMDb: Kaggle's; Yelp's open data set; Google Play: its console's monthly report, and the package
google-play-scraper).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Any

from sentiment.core.errors import ContractError
from sentiment.core.wording import beginning
from sentiment.readers.config import ROLES, FileOptions, ReviewOptions, Role

OURS = "amazon-2023"
# The stars that ratings are brought to.
FIVE = 5
Columns = Mapping[Role, str]
# Of a file's columns so many are named, and so much of each.
_SHOWN_COLUMNS, _SHOWN_LETTERS = 12, 30
# By role the names of a column, the better one first. The first schema that has most of a file's columns is the file's.
SCHEMAS: dict[str, dict[Role, tuple[str, ...]]] = {
    OURS: {
        "text": ("text",),
        "title": ("title",),
        "rating": ("rating",),
        "timestamp": ("timestamp",),
        "product": ("asin",),
        "parent": ("parent_asin",),
        "user": ("user_id",),
    },
    "amazon-2014-2018": {
        "text": ("reviewText",),
        "title": ("summary",),
        "rating": ("overall",),
        "timestamp": ("unixReviewTime",),
        "product": ("asin",),
        "user": ("reviewerID",),
    },
    "aws": {
        "text": ("review_body",),
        "title": ("review_headline",),
        "rating": ("star_rating",),
        "timestamp": ("review_date",),
        "product": ("product_id",),
        "parent": ("product_parent",),
        "user": ("customer_id",),
    },
    "fine-food": {
        "text": ("Text",),
        "title": ("Summary",),
        "rating": ("Score",),
        "timestamp": ("Time",),
        "product": ("ProductId",),
        "user": ("UserId",),
    },
    "yelp": {
        "text": ("text",),
        "rating": ("stars",),
        "timestamp": ("date",),
        "product": ("business_id",),
        "user": ("user_id",),
    },
    "google-play": {
        "text": ("Review Text",),
        "title": ("Review Title",),
        "rating": ("Star Rating",),
        "timestamp": ("Review Submit Millis Since Epoch", "Review Submit Date and Time"),
        "product": ("Package Name",),
    },
    "google-play-scraper": {
        "text": ("content",),
        "rating": ("score",),
        "timestamp": ("at",),
        "product": ("appId",),
        # A user has one review of an app; what is shown as a name is that of many.
        "user": ("reviewId",),
    },
    "womens-clothing": {
        "text": ("Review Text",),
        "title": ("Title",),
        "rating": ("Rating",),
        "product": ("Clothing ID",),
    },
    "imdb": {"text": ("review",)},
    "polarity": {"text": ("content",), "title": ("title",)},
}
# What the lake needs of a review, in a person's words.
_NEEDED: dict[Role, str] = {"text": "the text", "rating": "the stars", "timestamp": "the time"}
_MAY_LACK: frozenset[Role] = frozenset({"title", "user", "parent"})


@dataclass(frozen=True)
class ColumnMapping:
    """Which column is what of a review; `product_name` stands in where none is the product, ratings go to `stars`."""

    schema: str
    columns: Columns
    stars: int = 5
    product_name: str = ""

    @classmethod
    @lru_cache(maxsize=64)
    def parsed(cls, text: str) -> ColumnMapping:
        """Return the mapping that `as_json` spelled."""
        return cls(**json.loads(text))

    def as_json(self) -> str:
        """Spell it, for a row to take along."""
        return json.dumps(asdict(self))

    def value(self, row: Mapping[str, Any], role: Role) -> Any:
        """Return a row's value of a role, None where it has none."""
        column = self.columns.get(role)
        return None if column is None else row.get(column)

    def ours(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row's values under the names that the lake has for them."""
        return {names[0]: self.value(row, role) for role, names in SCHEMAS[OURS].items()}

    @property
    def is_ours(self) -> bool:
        """Whether all columns that it knows have our own names, as spelled."""
        return all(column in SCHEMAS[OURS].get(role, ()) for role, column in self.columns.items())

    def sentence(self) -> str:
        """Say which columns are read as what."""
        pairs = ", ".join(f"{role} from {self.columns[role]}" for role in ROLES if role in self.columns)
        return f"{pairs} ({self.schema})" if self.schema else pairs


def mapping_of(columns: Collection[str], options: FileOptions) -> ColumnMapping:
    """Return which of a file's columns are what of a review, without asking that all are there.

    Raises ContractError for a column that was named and is not there, or is there twice but for its case.
    """
    # A file without rows of JSON has no columns, and is an empty day whatever they would be called.
    asked = options.named if columns else {}
    named = {role: _found(column, columns) for role, column in asked.items()}
    if lacking := [options.named[role] for role, column in named.items() if column is None]:
        raise ContractError(f"there is no column {', '.join(lacking)}; {_are(columns)}")
    schema, found = _known(columns)
    # A column that a person names is of that role and of no other.
    found = {role: column for role, column in found.items() if column not in named.values()}
    columns_of: Columns = {**found, **named}  # type: ignore[dict-item]
    if isinstance(options, ReviewOptions):
        return ColumnMapping(schema, columns_of, options.stars or FIVE, options.product)
    return ColumnMapping(schema, columns_of)


def mapping_of_objects(columns: Collection[str], options: FileOptions) -> ColumnMapping:
    """Return the mapping of JSON of which only the beginning was seen: what a review may lack can stand further on.

    Raises ContractError as `mapping_of` does, for a column that was named and a review may not lack.
    """
    named = [name for role, name in options.named.items() if role in _MAY_LACK and _is_new(name, columns)]
    seen = [*columns, *named] if columns else columns
    mapping = mapping_of(seen, options)
    usual = {role: names[0] for role, names in SCHEMAS.get(mapping.schema, {}).items() if _is_new(names[0], seen)}
    of_products = {"product", "parent"} if {"product", "parent"} & set(mapping.columns) else set()
    later = {role: name for role, name in usual.items() if role in (_MAY_LACK - {"parent"}) | of_products}
    return replace(mapping, columns={**later, **mapping.columns})


def require_text(mapping: ColumnMapping, columns: Collection[str]) -> None:
    """Raise ContractError where no column is the text."""
    if "text" not in mapping.columns:
        raise ContractError(f"no column is known to be the text; {_are(columns)}: say --columns text=COLUMN")


def require_review(mapping: ColumnMapping, columns: Collection[str]) -> None:
    """Raise ContractError where a review of the lake would lack what it needs."""
    lacking = {role: words for role, words in _NEEDED.items() if role not in mapping.columns}
    ways = ["--columns " + " ".join(f"{role}=COLUMN" for role in lacking)] if lacking else []
    words = list(lacking.values())
    if not ({"product", "parent"} & set(mapping.columns) or mapping.product_name):
        words.append("the product")
        ways.append("--columns product=COLUMN or --product NAME")
    if words:
        what = f"no column is known to be {', '.join(words)} of a review"
        raise ContractError(f"{what}; {_are(columns)}: say {' and '.join(ways)}")


def _known(columns: Collection[str]) -> tuple[str, dict[Role, str]]:
    """Return the schema that has most of the columns, and its columns as they are spelled here.

    What it lacks may stand under our own names, as where somebody renamed some columns; of a schema that is not whole
    the text, stars and time under our own names come first, for its own name may be that of something else (`score`).
    It has no name where so little of it is there that the columns could be anybody's.
    """
    found = {name: _of_schema(names, columns) for name, names in SCHEMAS.items()}
    ours = found[OURS]
    first = {role: column for role, column in ours.items() if role in _NEEDED}
    filled = {
        name: {**ours, **roles, **(first if len(roles) < len(SCHEMAS[name]) else {})} for name, roles in found.items()
    }
    best = max(filled, key=lambda name: ("text" in filled[name], len(filled[name]), len(found[name])))
    of_best = sum(filled[best][role] == column for role, column in found[best].items())
    known = of_best > 2 or of_best == len(SCHEMAS[best])
    return best if known else "", filled[best]


def _of_schema(names: Mapping[Role, tuple[str, ...]], columns: Collection[str]) -> dict[Role, str]:
    found = {role: [_found(name, columns) for name in of_role] for role, of_role in names.items()}
    return {role: next(filter(None, spelled)) for role, spelled in found.items() if any(spelled)}


def _found(name: str, columns: Collection[str]) -> str | None:
    """Return a column as it is spelled: exactly so, else the only one that differs in case."""
    if name in columns:
        return name
    alike = [column for column in columns if column.strip().casefold() == name.strip().casefold()]
    return alike[0] if len(alike) == 1 else None


def _is_new(name: str, columns: Collection[str]) -> bool:
    """Tell whether no column is called so, in whatever case."""
    return name.strip().casefold() not in {column.strip().casefold() for column in columns}


def _are(columns: Collection[str]) -> str:
    """Name the columns, the first of many and the beginning of long ones, so that what is said after them is read."""
    if not columns:
        return "there are no columns"
    shown = [beginning(name, _SHOWN_LETTERS) for name in islice(columns, _SHOWN_COLUMNS)]
    more = len(columns) - len(shown)
    return f"the columns are {', '.join(shown)}{f' and {more} more' if more else ''}"
