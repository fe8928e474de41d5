"""Texts unlike the reviews that a gate learns from: what must not become worse by having one is shown on them."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import numpy as np

from sentiment.core.labelled import LabelledReviews
from sentiment.evaluation.behaviour.cases import behaviour_cases, neutral_texts

# Draws of the templates, other ones than the behaviour suite's own, each of 160 cases with a label: those that a gate's
# rule is fitted on, and those by which it is judged.
FITTED_ON, JUDGED_ON = range(100, 110), range(200, 210)
_END_OF_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def stress_texts(
    reviews: LabelledReviews, draws: Sequence[int] = FITTED_ON, without: Sequence[int] = ()
) -> dict[str, LabelledReviews]:
    """Return labelled texts by their kind: the reviews' titles as texts, a sentence of each review, and templates.

    A title or a sentence has the label of its review, which it does not always bear out; so figures on them compare
    two models, and say little of one. Of the templates those of the draws `without` are left out.
    """
    titled = np.flatnonzero([bool(title.strip()) for title in reviews.titles])
    of_titles, of_sentences = reviews.labels[titled], reviews.labels
    return {
        "titles": _texts("title", [reviews.titles[row] for row in titled], of_titles),
        "sentences": _texts("sentence", _sentences(reviews.texts), of_sentences),
        "templates": _templates(draws, without),
    }


def texts_without_opinion(draws: Sequence[int] = FITTED_ON, without: Sequence[int] = ()) -> list[str]:
    """Return texts of which nobody can say whether they are positive, but for those of the draws `without`."""
    texts, left_out = ({text for draw in some for text in neutral_texts(draw)} for some in (draws, without))
    return sorted(texts - left_out)


def _sentences(texts: Sequence[str]) -> list[str]:
    draw = random.Random(0)  # noqa: S311
    return [draw.choice(_END_OF_SENTENCE.split(text)) for text in texts]


def _templates(draws: Sequence[int], without: Sequence[int]) -> LabelledReviews:
    left_out = {(case.title, case.text) for draw in without for case in behaviour_cases(draw)}
    drawn = [case for draw in draws for case in behaviour_cases(draw) if case.kind == "MFT"]
    cases = [case for case in drawn if (case.title, case.text) not in left_out]
    titles, texts, labels = zip(*((case.title, case.text, case.expected) for case in cases), strict=True)
    return LabelledReviews.of([f"template-{row}" for row in range(len(cases))], titles, texts, np.array(labels))


def _texts(kind: str, texts: Sequence[str], labels: np.ndarray) -> LabelledReviews:
    return LabelledReviews.of([f"{kind}-{row}" for row in range(len(texts))], [""] * len(texts), texts, labels)
