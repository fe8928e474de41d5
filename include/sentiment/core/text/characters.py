"""Unicode in one form: compatible characters made plain (NFKC), what has no width taken out, halves of pairs mended."""

from __future__ import annotations

import re
import unicodedata

# Characters that a reader does not see (Unicode's Default_Ignorable_Code_Point, and interlinear marks), but for those
# that emoji and some scripts are joined by. They are removed, never made a space, since they stand inside words.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0080-\U000e0fff]"
)
# Joiners and the two selectors of emoji. Latin, Greek, Cyrillic and Hebrew letters and all below have no use for them.
_PLAIN = "\\x00-\u05ff\u1e00-\u1fff"
_JOINERS = re.compile(
    "([0-9#*]\ufe0f\u20e3)"  # a keycap
    f"|(?<![^{_PLAIN}])[\u200c\u200d\ufe0e\ufe0f]+"
    f"|(?<![\u200c\u200d])[\u200c\u200d]+(?![^{_PLAIN}])"
)
# The letters of a flag such as Scotland's follow a black flag, and mean nothing elsewhere.
_FLAG_LETTERS = re.compile("(?<![\U0001f3f4\U000e0000-\U000e007f])[\U000e0000-\U000e007f]+")
# An acute accent used for an apostrophe ("don´t"); NFKC would make it a space and an accent, and tear the word.
_APOSTROPHES = str.maketrans(dict.fromkeys("\u00b4\u0384\u1fbd\u1fbf\u1ffd\u1ffe", "'"))
# Putting accents in order costs the square of their number, so a letter keeps as many as the "stream-safe" texts of
# Unicode's annex 15 have. Runs of signs that may hold so many:
_ACCENTS = 30
_SIGNS = re.compile(rf"[^\w\s\x00-\x7f]{{{_ACCENTS + 1},}}")

# Letters of scripts that part no words by spaces: Chinese and Japanese; Thai, Lao, Tibetan, Burmese and Khmer.
HAN_AND_KANA = "\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
SOUTH_EAST_ASIAN = "\u0e01-\u0e3a\u0e40-\u109f\u1780-\u17ff\ua9e0-\ua9ff\uaa60-\uaa7f"

# What programs write for a cell that is empty: pandas, R ("NA"), spreadsheets, and databases ("\\N").
_ABSENT = frozenset({"", "nan", "none", "null", "(null)", "na", "n/a", "#n/a", "<na>", "\\n", "-", "undefined"})
_LONGEST_ABSENT = 9


def is_absent(text: str) -> bool:
    """Tell whether a text is what programs write for one that is missing."""
    bare = text.strip()
    return len(bare) <= _LONGEST_ABSENT and bare.casefold() in _ABSENT


def normal(text: str) -> str:
    """Return a text in NFKC without invisible characters, that UTF-8 can write."""
    if text.isascii():
        return text
    return _composed(_visible(_composed(writable(text).translate(_APOSTROPHES))))


def writable(text: str) -> str:
    """Put a question mark for half a pair of surrogates, which JSON can spell and UTF-8, a file or tokenizer cannot."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def joined(title: str | None, text: str | None) -> str:
    """Return title and text as the one text that models and tokenizers read."""
    title, text = (title or "").strip(), text or ""
    return writable(f"{title}. {text}" if title else text)


def _visible(text: str) -> str:
    """Return a text without what has no width; what joins emoji, and letters of scripts that are joined, stays."""
    return _JOINERS.sub(r"\1", _FLAG_LETTERS.sub("", _INVISIBLE.sub("", text)))


def _composed(text: str) -> str:
    text = _SIGNS.sub(_few_accents, text)
    if unicodedata.is_normalized("NFKC", text):
        return text
    return _SIGNS.sub(_few_accents, unicodedata.normalize("NFKC", text))


def _few_accents(signs: re.Match[str]) -> str:
    kept, accents = [], 0
    for sign in signs[0]:
        accents = accents + 1 if unicodedata.combining(sign) else 0
        if accents <= _ACCENTS:
            kept.append(sign)
    return "".join(kept)
