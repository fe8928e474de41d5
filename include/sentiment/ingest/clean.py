"""Text cleaning as Spark column expressions: markup out, sentences parted, white space folded, feeling kept.

All of it runs in the JVM, by Spark's own functions. Emoji, emoticons, capitals and repeated punctuation stay, because
they carry sentiment. It does not know reviews, only columns of text.

A pattern costs 10 to 20 ns a character, looking for a fixed piece of text a tenth of that: most texts hold nothing that
needs changing, and are spared the patterns.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from html.entities import name2codepoint
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812  the name that Spark's own guide uses

if TYPE_CHECKING:
    from pyspark.sql import Column

    from sentiment.config import IngestOptions

# The letter right after < tells a tag from "<3" and "a < b"; 500 bounds what an unclosed one can swallow.
_TAG = r"(?s)<!--.*?-->|</?[a-zA-Z][^<>]{0,500}>"
_LINK = r"(?i)\b(?:https?://|www\.)[^\s<>\"]+"
_EMAIL = r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+\b"
# A lower-case word, closing punctuation, a capitalised word: "great.The". "U.S.A" and "e.g.x" do not match.
# It begins with what is rare, and looks back from there: five places, which hold two letters of two places each.
_GLUED = r"([.!?](?<=\p{Ll}{2}[.!?]{1,3})[.!?]*)(?=\p{Lu}\p{Ll}|\p{Lu} )"
# Control characters and invisible ones; the joiner and the variation selector inside emoji stay.
_INVISIBLE = r"[\p{Cc}\u00AD\u200B\u200E\u200F\u2028\u2029\u202A-\u202E\u2060\uFEFF]"
# Runs, and what is no plain space; most matches of the simpler `+` would put a plain space in place of a plain space.
_SPACE = r"[\s\p{Z}]{2,}|[\s\p{Z}&&[^ ]]"
_NOT_PLAIN = r"[^\x20-\x7E]"
_NUMERIC_ENTITY = r"&#[xX]?([0-9a-fA-F]{1,6});"
_NAMES = "map<string, string>"
_NAMED_ENTITY = r"&[a-zA-Z]{2,8}[0-9]{0,2};"

_CONTRACTIONS = (
    (r"(?i)\b(can)'t\b", "$1not"),
    (r"(?i)\b(wo)n't\b", "will not"),
    (r"(?i)\b(sha)n't\b", "shall not"),
    (r"(?i)n't\b", " not"),
    (r"(?i)'re\b", " are"),
    (r"(?i)'ve\b", " have"),
    (r"(?i)'ll\b", " will"),
    (r"(?i)'m\b", " am"),
    (r"(?i)\b(it|that|what|there|here|he|she|who)'s\b", "$1 is"),
)


def clean(text: Column, options: IngestOptions) -> Column:
    """Return the cleaned text; NULL gives the empty string."""
    cleaned = F.coalesce(text, F.lit(""))
    # Twice, because crawled reviews hold entities of entities (&amp;#34;).
    cleaned = _without_entities(_without_entities(cleaned))
    cleaned = _where(cleaned, _holds("<"), lambda it: F.regexp_replace(it, _TAG, " "))
    cleaned = _where(cleaned, _may_link, lambda it: F.regexp_replace(it, _LINK, " "))
    cleaned = _where(cleaned, _holds("@"), lambda it: F.regexp_replace(it, _EMAIL, " "))
    cleaned = _where(
        cleaned,
        lambda it: it.rlike(_NOT_PLAIN),
        lambda it: _composed(F.regexp_replace(it, _INVISIBLE, " ")),
    )
    cleaned = F.regexp_replace(cleaned, _GLUED, "$1 ")
    if options.expand_contractions:
        cleaned = _expanded(cleaned)
    if options.lower_case:
        cleaned = F.lower(cleaned)
    return F.trim(_where(cleaned, _may_fold, lambda it: F.regexp_replace(it, _SPACE, " ")))


def word_count(text: Column) -> Column:
    """Count the words of a cleaned text; the empty text has none."""
    return F.when(text == "", 0).otherwise(F.size(F.split(text, " "))).cast("int")


def _let(value: Column, body: Callable[[Column], Column]) -> Column:
    """Bind a value that `body` uses more than once, so that it is worked out once and the plan stays small."""
    return F.element_at(F.transform(F.array(value), body), 1)


def _where(text: Column, holds: Callable[[Column], Column], change: Callable[[Column], Column]) -> Column:
    """Change the texts that hold something, and leave the others alone."""
    return _let(text, lambda it: F.when(holds(it), change(it)).otherwise(it))


def _holds(piece: str) -> Callable[[Column], Column]:
    return lambda it: F.contains(it, F.lit(piece))


def _may_link(text: Column) -> Column:
    return F.contains(text, F.lit("://")) | F.contains(F.lower(text), F.lit("www."))


def _may_fold(text: Column) -> Column:
    """Tell whether white space is to be folded: two plain spaces, or a letter beyond ASCII, which a space may be."""
    return F.contains(text, F.lit("  ")) | (F.octet_length(text) != F.char_length(text))


def _without_entities(text: Column) -> Column:
    """Replace &#34;, &#x22; and &quot; by what they stand for; unknown names stay as they are."""
    return _where(text, _holds("&"), lambda it: _named(_numeric(it)))


def _numeric(text: Column) -> Column:
    entities = F.array_distinct(F.regexp_extract_all(text, F.lit(_NUMERIC_ENTITY), F.lit(0)))
    return F.aggregate(entities, text, lambda done, entity: F.replace(done, entity, _character(entity)))


def _named(text: Column) -> Column:
    # One literal: as create_map of 252 pairs it took 2,000 calls into the JVM, a second of every run.
    names = F.from_json(F.lit(json.dumps({f"&{name};": chr(code) for name, code in name2codepoint.items()})), _NAMES)

    def replaced(done: Column, entity: Column) -> Column:
        return F.replace(done, entity, F.coalesce(F.try_element_at(names, entity), entity))

    return _let(
        text,
        lambda it: F.aggregate(
            F.array_distinct(F.regexp_extract_all(it, F.lit(_NAMED_ENTITY), F.lit(0))), it, replaced
        ),
    )


def _character(entity: Column) -> Column:
    """Turn &#NN; or &#xHH; into its character; what is none becomes a space."""
    digits = F.regexp_extract(entity, _NUMERIC_ENTITY, 1)
    hexadecimal = F.lower(F.substring(entity, 3, 1)) == "x"
    code = F.when(hexadecimal, F.conv(digits, 16, 10)).otherwise(digits).cast("int")
    valid = code.between(32, 0xD7FF) | code.between(0xE000, 0x10FFFF)
    character = F.decode(F.unhex(F.lpad(F.hex(code), 8, "0")), "UTF-32")
    return F.when(valid, character).otherwise(F.lit(" "))


def _composed(text: Column) -> Column:
    """Normalise to NFC through the ICU library that Spark carries; plain ASCII is left alone."""

    def nfc(it: Column) -> Column:
        return F.try_reflect(F.lit("com.ibm.icu.text.Normalizer"), F.lit("compose"), it, F.lit(False))

    return _let(text, lambda it: F.when(it.rlike(r"[^\x00-\x7F]"), F.coalesce(nfc(it), it)).otherwise(it))


def _expanded(text: Column) -> Column:
    expanded = F.replace(text, F.lit("’"), F.lit("'"))
    for pattern, words in _CONTRACTIONS:
        expanded = F.regexp_replace(expanded, pattern, words)
    return expanded
