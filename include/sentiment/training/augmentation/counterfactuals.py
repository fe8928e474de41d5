"""Sentences of real reviews whose sense is turned into its opposite, and their label with it.

Kaushik, Hovy, Lipton: Learning the Difference That Makes a Difference with Counterfactually-Augmented Data, ICLR 2020,
had people turn them; here a rule does, and only where one phrase of the sentence tells its sense.
"""

from __future__ import annotations

import re

from sentiment.core.names import NEGATIVE, POSITIVE

# ruff: noqa: SIM905  (as a sentence the list of words is a third as long)

_FEWEST_WORDS, _MOST_WORDS = 3, 14

# fmt: off
# What praises, and what blames in its place; each is turned into the other.
_ANTONYMS: tuple[tuple[str, str], ...] = (
    ("great", "terrible"), ("excellent", "awful"), ("good", "bad"), ("wonderful", "horrible"),
    ("is perfect", "is useless"), ("fantastic", "dreadful"), ("amazing", "pathetic"), ("awesome", "lousy"),
    ("is the best", "is the worst"), ("best purchase", "worst purchase"),
    ("comfortable", "uncomfortable"), ("reliable", "unreliable"), ("sturdy", "flimsy"), ("beautiful", "ugly"),
    ("easy to", "hard to"), ("easily", "with difficulty"), ("well made", "poorly made"), ("well built", "badly built"),
    ("high quality", "poor quality"), ("happy with", "unhappy with"), ("satisfied", "dissatisfied"),
    ("pleased", "disappointed"), ("worth the money", "a waste of money"), ("worth every penny", "not worth a penny"),
    ("I love", "I hate"), ("loves", "hates"), ("enjoyed", "disliked"), ("liked", "disliked"), ("perfectly", "poorly"),
    ("highly recommend", "do not recommend"), ("I recommend", "I do not recommend"), ("interesting", "boring"),
    ("would recommend", "would not recommend"), ("would buy", "would not buy"), ("will buy", "will not buy"),
    ("it works", "it does not work"), ("this works", "this does not work"), ("still works", "no longer works"),
    ("works well", "does not work well"), ("works fine", "does not work"), ("does its job", "does not do its job"),
    ("does the job", "does not do the job"), ("it fits", "it does not fit"), ("delighted", "annoyed"),
    ("am happy", "am not happy"), ("am impressed", "am not impressed"),
)
# A denied phrase is turned by saying it.
_DENIED: tuple[tuple[str, str], ...] = (
    ("doesn't work", "works"), ("don't recommend", "recommend"), ("don't like", "like"), ("do not like", "like"),
    ("not good", "good"), ("not happy", "happy"), ("not worth", "worth"), ("not impressed", "impressed"),
    ("isn't worth", "is worth"), ("doesn't fit", "fits"), ("does not fit", "fits"), ("not comfortable", "comfortable"),
    ("not very good", "very good"), ("not satisfied", "satisfied"), ("not pleased", "pleased"),
    ("wouldn't recommend", "would recommend"), ("wouldn't buy", "would buy"), ("does not work", "works"),
)
# Words that tell a sense, or bend one: a sentence that has one of them beside its phrase is left alone.
_BENDING = frozenset(
    "not no never none nothing nobody hardly barely neither nor cannot without but however though although except if "
    "unless until would could should might than too used wish hope hoping thought expected expecting supposed instead "
    "otherwise some other others only almost nearly enough problem problems issue issues trouble fail fails failed "
    "failure broke broken stopped return returned returning refund replace replaced replacement cheap cheaply "
    "disappointing disappointment disappoint complaint complaints complain regret waste wasted junk garbage crap "
    "trash poor poorly weak slow noisy loud wrong defective faulty useless dead died damaged mistake unfortunately "
    "sadly error sucks worthless annoying like likes liked love loved loves enjoy enjoyed recommend recommended happy "
    "glad nice fine solid superb brilliant lovely impressive impressed fast quick quickly hard difficult easy easier "
    "well worth bargain super cool fun thanks thank expensive overpriced wow favorite value deal luck buy ok okay "
    "decent either anything anyone any yet still last longer less more luckily and best better worst worse greatest "
    "finest easiest fastest sharpest brightest price bright clear clearly clean sharp crisp vivid smooth smoothly "
    "responsive accurate since because while considering star stars reviews review stolen".split()
)
# fmt: on
# Other senses of these phrases, second clauses, and what is recommended or bought in the product's place.
_NOT_MEANT = re.compile(
    r"good luck|great deal|as good|good (?:thing|bit|many|idea|as)|best buy|great britain|(?:how|so) (?:good|great)|"
    r"recommend (?!it|this|these|them|to )\w|buy (?!it|this|these|them|again|another|from)\w|[?\"():;,&]",
    re.IGNORECASE,
)


def _one_way(pairs: tuple[tuple[str, str], ...], label: int) -> dict[str, tuple[int, str]]:
    return {said.lower(): (label, turned) for said, turned in pairs}


# A phrase in lower case: the label that it tells, and what stands in its place when it is turned.
_RULES: dict[str, tuple[int, str]] = {
    **_one_way(tuple((blame, praise) for praise, blame in _ANTONYMS), NEGATIVE),
    **_one_way(_DENIED, NEGATIVE),
    **_one_way(_ANTONYMS, POSITIVE),
}
_LONGEST_FIRST = sorted(_RULES, key=len, reverse=True)
_PHRASE = re.compile(rf"\b(?:{'|'.join(map(re.escape, _LONGEST_FIRST))})\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_WORDS = re.compile(r"[a-z]+(?:'[a-z]+)?")
_ARTICLE = re.compile(r"\b([Aa])n? (?=(\w+))")


def turned_sentences(text: str, label: int) -> list[str]:
    """Return the sentences of a review of this label that can be turned, turned: each has the other label."""
    sentences = [one for one in _SENTENCE_END.split(text) if _FEWEST_WORDS <= one.count(" ") + 1 <= _MOST_WORDS]
    return [turned for turned in (_turned(sentence, label) for sentence in sentences) if turned]


def _turned(sentence: str, label: int) -> str | None:
    """Return the opposite of a sentence that one phrase gives this label; None for all others."""
    found = _PHRASE.findall(sentence)
    if len(found) != 1 or _NOT_MEANT.search(sentence):
        return None
    told, other = _RULES[found[0].lower()]
    rest = set(_WORDS.findall(_PHRASE.sub(" ", sentence).lower()))
    if told != label or rest & _BENDING or any(word.endswith("n't") for word in rest):
        return None
    turned = _PHRASE.sub(lambda phrase: other[:1].upper() + other[1:] if phrase[0][0].isupper() else other, sentence)
    return _ARTICLE.sub(_article, turned) if other[0] in "aeiou" or found[0][0].lower() in "aeiou" else turned


def _article(found: re.Match[str]) -> str:
    vowel = found[2][0].lower() in "aeiou" and not found[2].lower().startswith(("use", "uni", "one"))
    return f"{found[1]}{'n' if vowel else ''} "
