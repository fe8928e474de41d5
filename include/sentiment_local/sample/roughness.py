"""Joins sentences into a text as people type it: typos, capitals, smileys, HTML, links, glued sentences."""

from __future__ import annotations

import random
from collections.abc import Callable

SMILEYS = {
    "good": ("😀", "😍", "👍", "❤️", "🎉", ":)", ":-)", ":D", ";-)", "<3", "👌"),
    "bad": ("😡", "😞", "👎", "💩", "🤮", ":(", ":-(", ":/", ">:(", "D:", "🙄"),
}
LINKS = (
    "See https://example.com/review?id=4711 for my photos.",
    "More at www.example.org/tests.",
    "You can write to me at jo.bloggs@example.com.",
    "Same one as http://shop.example.net/item/42?ref=a&b=c.",
)
_MISLEADING = 0.15  # smileys that do not fit the mood, as the ironic ones


def roughen(rng: random.Random, sentences: list[str], mood: str) -> str:
    """Return the text of the sentences; each habit touches a few per cent of the texts, the mood picks the smileys."""
    sentences = list(sentences)
    if rng.random() < 0.02:
        sentences.insert(rng.randint(0, len(sentences)), rng.choice(LINKS))
    if rng.random() < 0.03:
        i = rng.randrange(len(sentences))
        sentences[i] = sentences[i].upper()
    text = _joined(rng, sentences)
    for share, habit in _HABITS:
        if rng.random() < share:
            text = habit(rng, text)
    if rng.random() < 0.05:
        kind = mood if rng.random() >= _MISLEADING else ("bad" if mood == "good" else "good")
        text = f"{text} {rng.choice(SMILEYS[kind])}"
    return text


def _joined(rng: random.Random, sentences: list[str]) -> str:
    draw = rng.random()
    if draw < 0.03:
        return "<br /><br />".join(sentences)
    if draw < 0.06:
        return "\n".join(sentences)
    if draw < 0.11 and len(sentences) > 1:
        cut = rng.randrange(1, len(sentences))
        return " ".join(sentences[:cut]) + " ".join(sentences[cut:])  # glued: "great.The battery"
    return " ".join(sentences)


def _typos(rng: random.Random, text: str) -> str:
    words = text.split(" ")
    for _ in range(rng.randint(1, 3)):
        i = rng.randrange(len(words))
        if words[i].isalpha() and len(words[i]) > 3:
            words[i] = _mistyped(rng, words[i])
    return " ".join(words)


def _mistyped(rng: random.Random, word: str) -> str:
    i = rng.randrange(1, len(word) - 1)
    return rng.choice(
        (
            word[:i] + word[i + 1] + word[i] + word[i + 2 :],
            word[:i] + word[i + 1 :],
            word[:i] + word[i] + word[i:],
        )
    )


def _one_word_upper(rng: random.Random, text: str) -> str:
    words = text.split(" ")
    i = rng.randrange(len(words))
    words[i] = words[i].upper()
    return " ".join(words)


def _repeated_end(rng: random.Random, text: str) -> str:
    return text.rstrip(".!") + rng.choice(("!!!", "!!!!!!", "...", "?!?!", "!!1", "....."))


def _entities(rng: random.Random, text: str) -> str:
    escaped = text.replace(" and ", " &amp; ").replace("'", "&#39;")
    words = escaped.split(" ")
    i = rng.randrange(len(words))
    words[i] = f"&#34;{words[i]}&#34;"
    return " ".join(words)


def _bold_word(rng: random.Random, text: str) -> str:
    words = text.split(" ")
    i = rng.randrange(len(words))
    words[i] = f"<b>{words[i]}</b>"
    return " ".join(words)


def _careless(_: random.Random, text: str) -> str:
    return text.lower().replace(",", "").replace("'", "")


_HABITS: tuple[tuple[float, Callable[[random.Random, str], str]], ...] = (
    (0.12, _typos),
    (0.05, _one_word_upper),
    (0.06, _repeated_end),
    (0.05, _careless),
    (0.02, _entities),
    (0.01, _bold_word),
)
