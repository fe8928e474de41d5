"""What an export returns."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from sentiment.core.names import EngineName
from sentiment.core.verb import VerbResult
from sentiment.core.wording import counted, percent


@dataclass(frozen=True)
class ConfidenceBand:
    """Test reviews, and wrongly decided ones, of a confidence from `low` to `high` per cent."""

    low: int
    high: int
    reviews: int
    errors: int


# The figure of a bundle that says how many validation reviews of the rarer label its gate was judged on.
GATE_JUDGED_ON = "gate_judged_on"
# Of fewer, a gate that costs points may cost nothing on these by luck; of fewer than many, some of one.
FEWEST_TO_JUDGE_A_GATE, _MANY_TO_JUDGE_A_GATE = 20, 100


class ExportResult(VerbResult):
    """A registered version, its figures on the test reviews as scoring runs it, and those of its bundle.

    `reviews_per_second` is of one thread, `threshold` the probability from which on a review is called positive, and
    `review_below` the confidence below which it needs a person, which is `test_review_share` of the test reviews and
    leaves `test_unreviewed_error` of the others wrong. Of the `test_confident_reviews` with a confidence of 0.9 or more
    `test_confident_error` are wrong; `confidence` says it by tenths. `languages` are those that the model learnt from;
    a review in another one needs a person, and where none is named, languages play no part. With a cascade the figures
    are those of gate and network together; `network_…` are those of the network without it, as it was trained, on the
    same reviews. A bundle without a cascade has neither these nor figures of its gate. `bundle` are the figures of
    bundle.json, by name: parity with the trained model, sizes, and each engine's speed. `left_out` says why an engine
    is not in it.
    """

    version: int
    run_id: str
    family: str
    accuracy: float
    macro_f1: float
    false_negative_rate_negatives: float
    log_loss: float
    ece: float
    threshold: float
    review_below: float
    test_review_share: float
    test_unreviewed_error: float
    test_confident_reviews: int
    test_confident_error: float
    reviews_per_second: float
    test_gate_share: float | None = None
    test_gate_accuracy: float | None = None
    gate_reviews: int | None = None
    network_accuracy: float | None = None
    network_macro_f1: float | None = None
    network_train_reviews: int | None = None
    bundle: dict[str, float]
    confidence: tuple[ConfidenceBand, ...]
    languages: tuple[str, ...]
    exported_before: tuple[int, ...] = ()
    left_out: dict[EngineName, str] = Field(default_factory=dict)

    def sentences(self) -> list[str]:
        """Say version and figures."""
        first, *others = self.said_of_bundle()
        versions = ", ".join(map(str, self.exported_before))
        again = [f"The same run was exported before, as version {versions}."] if versions else []
        return [f"Version {self.version}, {first}", *others, *again]

    def said_of_bundle(self) -> list[str]:
        """Say what decides, how rightly, and what needs a person."""
        return [
            f"{self.family}{self._gated}: accuracy {percent(self.accuracy)}, macro F1 "
            f"{self.macro_f1:.3f} on the test reviews as it scores.",
            *([self._parts(self.test_gate_share)] if self.test_gate_share is not None else []),
            f"Below a confidence of {self.review_below:.3g} a review needs a person: {percent(self.test_review_share)} "
            f"of the test reviews; of the others {percent(self.test_unreviewed_error)} are wrong.",
            f"Of the {self.test_confident_reviews:,} test reviews with a confidence of 0.9 or more "
            f"{percent(self.test_confident_error)} are wrong.",
            *self._judged_on_few(),
            *(f"{engine} is left out: {reason}." for engine, reason in self.left_out.items()),
        ]

    @property
    def _gated(self) -> str:
        return "" if self.test_gate_share is None else " behind a gate"

    def _judged_on_few(self) -> list[str]:
        rarer = self.bundle.get(GATE_JUDGED_ON, _MANY_TO_JUDGE_A_GATE)
        if rarer >= _MANY_TO_JUDGE_A_GATE:
            return []
        on = f"{counted(int(rarer), 'validation review')} of the rarer label"
        if rarer < FEWEST_TO_JUDGE_A_GATE:
            return [f"It has no gate: {on} cannot say what one would cost; {FEWEST_TO_JUDGE_A_GATE} and more can."]
        return [f"The gate was judged on {on}, which are few: on others it may cost some tenths of a point."]

    def _parts(self, gate_share: float) -> str:
        gate = f"The gate, a linear model of {self.gate_reviews or 0:,} reviews, answers {percent(gate_share)} of them"
        if self.network_accuracy is None or self.network_macro_f1 is None:
            return f"{gate}."
        return (
            f"{gate}; the {self.family} alone, trained on {self.network_train_reviews or 0:,}, has accuracy "
            f"{percent(self.network_accuracy)}, macro F1 {self.network_macro_f1:.3f}."
        )

    def version_named(self) -> int | None:
        """Return the version."""
        return self.version
