"""How reviews are worded, by stated rules: length, negation, contrast, shouting, foreign words, opinion words, irony.

The word lists are content, not code, and small on purpose: a page that counts by them can print its rule in one
sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sentiment.core.labelled import LabelledReviews


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NEGATIONS = _words(
    "not no never none nothing nobody nor neither without cannot hardly barely dont doesnt didnt isnt wasnt arent "
    "werent wont wouldnt cant couldnt shouldnt aint"
)
NEGATED_ENDING = "n't"

CONTRASTS = _words("but however although though despite nevertheless nonetheless except whereas")

FUNCTION_WORDS = _words(
    "the a an and or but if of to in on at for with from by as is are was were be been it its this that these i you he "
    "she they we my your me them not no have has had do does did will would can so very just than then when what which "
    "there all out up about after only because who his her their our am"
)

PRAISE = _words(
    "good great excellent amazing awesome perfect perfectly love loved loves best wonderful fantastic nice happy "
    "pleased satisfied recommend recommended superb outstanding brilliant beautiful beautifully easy easily reliable "
    "sturdy comfortable impressed impressive enjoy enjoyed enjoyable flawless flawlessly glad delighted favorite "
    "favourite solid fun well worth works gem terrific incredible masterpiece charming crisp durable"
)

BLAME = _words(
    "bad terrible awful horrible worst worse poor poorly disappointed disappointing disappointment disappoints useless "
    "broken broke breaks waste wasted junk garbage trash crap cheap cheaply defective fail failed fails failure faulty "
    "problem problems issue issues hate hated annoying frustrating frustrated return returned returning refund flimsy "
    "unreliable stopped dead died boring dull stupid ridiculous sucks mediocre uncomfortable unusable lousy pathetic "
    "regret unhappy mess wrong"
)

# Phrases that say one thing and mean its opposite more often than not, praise in quotation marks, useful rubbish.
IRONY = (
    *("yeah right", "yeah, right", "thanks for nothing", "thanks a lot", "oh great", "oh, great", "oh joy", "oh, joy"),
    *("good luck with", "good luck getting", "what a joke", "so much for", "big surprise", "surprise, surprise"),
    *("color me", "colour me", "unless you like", "unless you enjoy", "unless you love"),
    *("if you like having", "if you enjoy having", "if you like being", "if you enjoy being", "if you like wasting"),
    *("if you enjoy wasting", "if you like paying", "if you enjoy paying"),
    *('"great"', '"good"', '"new"', '"quality"', '"high quality"', '"premium"', '"customer service"', '"upgrade"'),
    *("paperweight", "paper weight", "doorstop", "door stop", "landfill"),
)


VERY_SHORT, VERY_LONG = 20, 300  # words; about the outer twentieths of reviews of electronics
SHOUTED_SHARE = 0.30  # of a text's letters; plain reviews have 3 to 6 % capitals
ENGLISH_SHARE = 0.15  # of a text's words are common function words; English reviews have 40 to 50 %
FEWEST_WORDS = 8  # below this a share of words says nothing
NEGATION_REACH = 3  # words after a negation, within the clause, whose opinion it turns round

# The rules in words, for the pages that count by them.
RULES = {
    "very short": f"fewer than {VERY_SHORT} words",
    "very long": f"{VERY_LONG} words or more",
    "negation": 'a word such as "not", "never", "without", or one that ends in "n\'t"',
    "contrast": 'a word such as "but", "however", "although", "despite"',
    "shouting": f"more than {100 * SHOUTED_SHARE:.0f} % of the letters of {FEWEST_WORDS} words and more are capitals, "
    'or "!!!"',
    "looks non-English": f"fewer than {100 * ENGLISH_SHARE:.0f} % of {FEWEST_WORDS} words and more are common English "
    "function words",
    "irony": 'an ironic stock phrase ("thanks for nothing"), praise in quotation marks, or talk of paperweights',
}

_TOKEN = re.compile(r"\w+(?:'\w+)*|[.,;:!?]")
_CAPITAL = re.compile("[A-Z]")
_STRAIGHT = str.maketrans("‘’“”", "''\"\"")
_CLAUSE_ENDS = frozenset(".,;:!?") | CONTRASTS | {"and"}
_OPINIONS = PRAISE | BLAME


@dataclass(frozen=True)
class Wording:
    """What the rules say of n reviews, title and text together but for `words`, which counts the text's alone."""

    words: np.ndarray  # int64 [n]
    negation: np.ndarray  # bool [n]
    contrast: np.ndarray  # bool [n]
    shouting: np.ndarray  # bool [n]
    foreign: np.ndarray  # bool [n]
    irony: np.ndarray  # bool [n]
    praise: np.ndarray  # int64 [n], praising words and negated blaming ones
    blame: np.ndarray  # int64 [n], blaming words and negated praising ones

    @property
    def very_short(self) -> np.ndarray:
        """Reviews of fewer than 20 words, bool [n]."""
        return self.words < VERY_SHORT

    @property
    def very_long(self) -> np.ndarray:
        """Reviews of 300 words or more, bool [n]."""
        return self.words >= VERY_LONG


def wording(reviews: LabelledReviews) -> Wording:
    """Apply every rule to every review (12,000 reviews of 94 words take about a second)."""
    rows = [_of_review(title, text) for title, text in zip(reviews.titles, reviews.texts, strict=True)]
    columns = np.array(rows, np.int64).reshape(-1, 8).T
    words, *_, praise, blame = columns
    negation, contrast, shouting, foreign, irony = columns[1:6].astype(bool)
    return Wording(words, negation, contrast, shouting, foreign, irony, praise, blame)


def _of_review(title: str, text: str) -> tuple[int, bool, bool, bool, bool, bool, int, int]:
    whole = f"{title}. {text}".translate(_STRAIGHT)
    lower, words = whole.lower(), len(whole.split())
    tokens = _TOKEN.findall(lower)
    praise, blame = _opinions(tokens)
    return (
        len(text.split()),
        NEGATED_ENDING in lower or not NEGATIONS.isdisjoint(tokens),
        not CONTRASTS.isdisjoint(tokens),
        _shouts(whole, words),
        words >= FEWEST_WORDS and sum(map(FUNCTION_WORDS.__contains__, tokens)) < ENGLISH_SHARE * words,
        any(phrase in lower for phrase in IRONY),
        praise,
        blame,
    )


def _shouts(whole: str, words: int) -> bool:
    letters = len(whole) - words  # near enough: what stands between words is one character
    return "!!!" in whole or (words >= FEWEST_WORDS and len(_CAPITAL.findall(whole)) > SHOUTED_SHARE * letters)


def _opinions(tokens: Sequence[str]) -> tuple[int, int]:
    """Count praising and blaming words; one within reach of a negation in its clause counts as the other."""
    counts = [0, 0]
    for place in [place for place, token in enumerate(tokens) if token in _OPINIONS]:
        blames = tokens[place] in BLAME
        counts[blames ^ _negated(tokens, place)] += 1
    return counts[0], counts[1]


def _negated(tokens: Sequence[str], place: int) -> bool:
    for before in reversed(tokens[max(0, place - NEGATION_REACH) : place]):
        if before in _CLAUSE_ENDS:
            return False
        if before in NEGATIONS or before.endswith(NEGATED_ENDING):
            return True
    return False
