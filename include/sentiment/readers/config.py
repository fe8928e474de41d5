"""How files are read: what they are, where that is not to be seen, and which of their columns are a review's."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from sentiment.core.config import LONGEST_PLACE, Section, VerbConfig
from sentiment.readers.encoding import is_encoding

FILES: Section = {"section": "Files of other programs"}

Kind = Literal["jsonl", "json", "csv", "tsv", "parquet"]
Quotes = Literal["doubled", "backslash", "plain"]
Role = Literal["text", "title", "rating", "timestamp", "product", "parent", "user"]
ROLES: tuple[Role, ...] = ("text", "title", "rating", "timestamp", "product", "parent", "user")

_PAIR = re.compile(rf"({'|'.join(ROLES)})=(.+)", re.DOTALL)


def _pair(value: str) -> str:
    if not _PAIR.fullmatch(value):
        raise ValueError(f"{value!r} names no column; write ROLE=COLUMN, with a role of {', '.join(ROLES)}")
    return value


# One of `columns`.
ColumnOfRole = Annotated[str, AfterValidator(_pair)]


class FileOptions(VerbConfig):
    """What a file does not say of itself, or says otherwise than by the names that are known."""

    columns: tuple[ColumnOfRole, ...] = Field(
        (),
        description=f"ROLE=COLUMN, such as text=reviewText; a role is {', '.join(ROLES)}. What is not named is found.",
        title="Columns",
        json_schema_extra=FILES,
    )
    encoding: str = Field(
        "",
        description="Such as cp1252, for texts that are neither UTF-8 nor UTF-16 with its mark.",
        title="Encoding",
        json_schema_extra=FILES,
    )
    kind: Kind | None = Field(
        None,
        description="What the file is, where its name does not say so.",
        title="Kind of file",
        json_schema_extra=FILES,
    )
    quotes: Quotes | None = Field(
        None,
        description='How a CSV writes a quote within quotes: doubled "", backslash \\", or plain, which encloses '
        "nothing. Found when empty.",
        title="Quotes",
        json_schema_extra=FILES,
    )

    @field_validator("columns")
    @classmethod
    def _one_column_a_role(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        roles = [pair.partition("=")[0] for pair in value]
        if twice := sorted({role for role in roles if roles.count(role) > 1}):
            raise ValueError(f"{', '.join(twice)} is named twice; a review has one of each")
        return value

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        if value and not is_encoding(value):
            raise ValueError(f"{value!r} is no encoding that is known; cp1252 and utf-16-le are two")
        return value

    @property
    def named(self) -> dict[str, str]:
        """The columns that are named, by role."""
        return {role: column for role, _, column in (pair.partition("=") for pair in self.columns)}


class ReviewOptions(FileOptions):
    """The same, and what a file of whole reviews does not say of them."""

    product: str = Field(
        "",
        max_length=LONGEST_PLACE,
        description="Every review is of this one, where no column says of which.",
        title="Product",
        json_schema_extra=FILES,
    )
    stars: int | None = Field(
        None,
        ge=2,
        le=100,
        description="The best rating that can be given, 5 when empty; others are brought to five stars, rounded up.",
        title="Ratings go to",
        json_schema_extra=FILES,
    )
