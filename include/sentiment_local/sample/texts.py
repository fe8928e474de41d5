"""Writes the title and the text of a review that suits its stars."""

from __future__ import annotations

import random
from functools import cache

from sentiment_local.sample.categories import CATEGORIES, COMMON
from sentiment_local.sample.grammar import Grammar, capitalised
from sentiment_local.sample.phrases import BAD, GOOD, PLAIN, SPANISH, WORDS, Rules, mirrored_turns
from sentiment_local.sample.roughness import roughen

DISAGREEING = 0.025  # reviews whose text contradicts the stars: the noise that no model can learn away
TURNING = 0.11  # reviews of two or three sentences whose mood hangs on a turn alone: the room above counting words
SHORT = 0.08
SPANISH_SHARE = 0.007
TURNS_IN_BODY = 0.3  # of a longer review's sentences with a mood
GOOD_SHARE = {1: 0.08, 2: 0.24, 3: 0.5, 4: 0.78, 5: 0.94}  # of the sentences with a mood, by stars
MOODS = ("bad", "good")


@cache
def grammar(category: str) -> Grammar:
    """Return the grammar of a category's reviews: the general rules, with its own phrases beside the common ones."""
    rules: Rules = {**WORDS, **PLAIN, **GOOD, **BAD, **SPANISH, **mirrored_turns()}
    own = CATEGORIES[category]
    return Grammar(rules | {name: COMMON.get(name, ()) + own.get(name, ()) for name in COMMON | own})


def write_review(rng: random.Random, category: str, stars: int, lateness: float) -> tuple[str, str]:
    """Return title and text; `lateness` runs from 0 (first day) to 1 (last day) and brings newer complaints."""
    told = 6 - stars if rng.random() < DISAGREEING else stars
    mood = rng.choice(MOODS) if told == 3 else MOODS[told > 3]
    phrases = grammar(category)
    if rng.random() < SPANISH_SHARE:
        return phrases.draw(rng, f"spanish_{mood}_title"), " ".join(_spanish(rng, phrases, mood))
    title = _title(rng, phrases, mood, told)
    draw = rng.random()
    if draw < SHORT:
        sentences = [phrases.draw(rng, f"{mood}_short")]
    elif draw < SHORT + TURNING:
        sentences = _turning(rng, phrases, mood)
        title = "" if rng.random() < 0.5 else _title(rng, phrases, rng.choice(MOODS), 3)
    else:
        sentences = _body(rng, phrases, told, lateness)
        sentences += _verdict(rng, phrases, mood, told)
    return title, roughen(rng, sentences, mood)


def _title(rng: random.Random, phrases: Grammar, mood: str, told: int) -> str:
    if rng.random() < 0.02:
        return ""
    if told == 3:
        return phrases.draw(rng, "so_so_verdict").rstrip(".")
    return capitalised(phrases.draw(rng, f"{mood}_title"))


def _body(rng: random.Random, phrases: Grammar, told: int, lateness: float) -> list[str]:
    """Return a log-normal number of sentences (median 6.7, at most 45): plain ones and good or bad ones, mixed."""
    count = max(1, min(45, round(rng.lognormvariate(1.9, 0.85))))
    sentences = [phrases.draw(rng, "plain_sentence")] if rng.random() < 0.5 else []
    while len(sentences) < count:
        sentence = phrases.draw(rng, _sentence_rule(rng, told, lateness))
        if sentence not in sentences:
            sentences.append(sentence)
    return sentences


def _sentence_rule(rng: random.Random, told: int, lateness: float) -> str:
    if rng.random() < 0.25:
        return "plain_sentence"
    mood = MOODS[rng.random() < GOOD_SHARE[told]]
    if mood == "bad" and rng.random() < 0.15 * lateness:
        return "recent_bad_sentence"
    return f"{mood}_turn" if rng.random() < TURNS_IN_BODY else f"{mood}_sentence"


def _verdict(rng: random.Random, phrases: Grammar, mood: str, told: int) -> list[str]:
    if told == 3:
        return [phrases.draw(rng, "so_so_verdict")]
    return [phrases.draw(rng, f"{mood}_verdict")] if rng.random() < 0.6 else []


def _turning(rng: random.Random, phrases: Grammar, mood: str) -> list[str]:
    plain = [phrases.draw(rng, "plain_sentence") for _ in range(rng.choice((0, 1, 1, 2)))]
    turns = [phrases.draw(rng, f"{mood}_turn") for _ in range(rng.choice((1, 1, 2)))]
    return plain + turns


def _spanish(rng: random.Random, phrases: Grammar, mood: str) -> list[str]:
    sentences = [phrases.draw(rng, "spanish_plain")]
    return sentences + [phrases.draw(rng, f"spanish_{mood}_sentence") for _ in range(rng.randint(2, 5))]
