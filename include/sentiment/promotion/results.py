"""What comparing, promoting and going back return; light, for the parts that only show or check it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sentiment.core.verb import VerbResult
from sentiment.core.wording import counted
from sentiment.evaluation.results import Difference, Disagreement, Pair, Repeated

# A page of verdicts: three candidates make three pairs.
_VERDICTS = 3


@dataclass(frozen=True)
class CandidateRow:
    """A candidate: the run chosen of it by macro F1 on validation, and its figures on the test over all its seeds.

    `repeated` runs gave the same model as another one, and are counted nowhere else. Means and standard deviations are
    None where no run has the figure, a deviation also where one run alone has it.
    """

    candidate: str
    family: str
    seeds: tuple[int, ...]
    run_id: str
    validation_macro_f1: float
    repeated: int = 0
    accuracy_mean: float | None = None
    accuracy_std: float | None = None
    macro_f1_mean: float | None = None
    macro_f1_std: float | None = None
    false_negative_rate_negatives_mean: float | None = None
    false_negative_rate_negatives_std: float | None = None
    roc_auc_mean: float | None = None
    roc_auc_std: float | None = None
    pr_auc_negatives_mean: float | None = None
    pr_auc_negatives_std: float | None = None
    log_loss_mean: float | None = None
    log_loss_std: float | None = None
    brier_mean: float | None = None
    brier_std: float | None = None
    ece_mean: float | None = None
    ece_std: float | None = None
    training_seconds_mean: float | None = None
    training_seconds_std: float | None = None


@dataclass(frozen=True)
class OverTrainings(Repeated):
    """Macro F1 of a less that of b over pairs of trainings, of one seed or of one fold each.

    `p_corrected` is Bonferroni's p-value for the number of pairs of candidates.
    """

    p_corrected: float


@dataclass(frozen=True)
class ComparisonRow(Pair):
    """Two candidates on the same test reviews, and as ways of training.

    `over_seeds` is None below two shared seeds, `over_folds` where the two share no cross-validation.
    """

    over_seeds: OverTrainings | None
    over_folds: OverTrainings | None


class CompareResult(VerbResult):
    """The run chosen of each candidate, a row a candidate and a row a pair of them."""

    shown: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "candidates": ("candidate", "seeds", "accuracy_mean", "macro_f1_mean", "macro_f1_std", "run_id"),
        "comparisons": ("a", "b", "difference", "low", "high", "winner"),
    }

    runs: tuple[str, ...]
    candidates: tuple[CandidateRow, ...]
    comparisons: tuple[ComparisonRow, ...]

    def sentences(self) -> list[str]:
        """Say the first verdicts, and which runs were counted once."""
        said = [f"{row.verdict}." for row in self.comparisons[:_VERDICTS]]
        further = len(self.comparisons) - len(said)
        said += [f"{counted(further, 'further pair')}: see `verdict` of each with --json."] if further else []
        said += [
            f"{counted(row.repeated + len(row.seeds), 'run')} of {row.candidate}, {row.repeated} of which gave the "
            "same model as another one and count once."
            for row in self.candidates
            if row.repeated
        ]
        return said or [f"{counted(len(self.runs), 'candidate')}, nothing to compare it with."]


@dataclass(frozen=True)
class MeasuredVersion:
    """A model version with its figures on one set of test reviews, and its macro F1 on validation where it is known.

    `gate_share` is what its gate answers, which makes the figures those of gate and network together, and
    `network_macro_f1` the network's without it.
    """

    version: int
    family: str
    macro_f1: float
    accuracy: float
    validation_macro_f1: float | None = None
    gate_share: float | None = None
    network_macro_f1: float | None = None


@dataclass(frozen=True)
class SpeedsRow:
    """Reviews a second of the challenger and of the champion, side by side, and how many times faster the former is."""

    challenger: float
    champion: float
    ratio: float


@dataclass(frozen=True)
class SliceChange:
    """Accuracy of the champion and of the challenger on a slice of the test reviews, and how much is lost (> 0).

    `p_value` is McNemar's, one-sided: how often two equally good models would part so far, to the champion's favour.
    """

    slice: str
    reviews: int
    champion: float
    challenger: float
    loss: float
    p_value: float


@dataclass(frozen=True)
class CapabilityChange:
    """Failure rates of the champion and of the challenger on the same cases of a capability."""

    capability: str
    cases: int
    champion: float
    challenger: float


@dataclass(frozen=True)
class EvidenceShown:
    """What spoke for and against a challenger, with the slices that lose most.

    `behaviour` is None where the two cannot be compared, and `behaviour_missing` then says why. It is of `reviews` test
    reviews: `left_out` others were left out because the champion has learnt from them, and `unseen_missing` says why it
    may know more of them.
    """

    macro_f1: Difference
    mcnemar: Disagreement
    speeds: SpeedsRow
    slices: tuple[SliceChange, ...]
    behaviour: tuple[CapabilityChange, ...] | None
    behaviour_missing: str
    reviews: int
    left_out: int
    unseen_missing: str


class PromoteResult(VerbResult):
    """Whether a version was promoted, who is champion now and was before, why, and upon which evidence.

    `evidence` is None where there was no champion to be held against; `left_out` says why of versions that could not
    be judged, by their numbers.
    """

    promoted: bool
    champion: int | None
    previous: int | None
    reason: str
    candidates: tuple[MeasuredVersion, ...]
    left_out: dict[int, str] | None = None
    evidence: EvidenceShown | None = None

    def sentences(self) -> list[str]:
        """Say what was decided, and why."""
        outcome = f"Version {self.champion} is champion now" if self.promoted else "Nothing was promoted"
        return [f"{outcome}: {self.reason}."]

    def version_named(self) -> int | None:
        """Return the champion, where there is one."""
        return self.champion


class RollbackResult(VerbResult):
    """The version that is champion again, and the commands that score the days anew that bear the other's scores.

    A command for each range of them, so that the days of other versions between them are left alone.
    """

    champion: int
    previous: int | None
    family: str | None
    reason: str
    decided_by: str
    days_to_rescore: int
    rescore: str | None = None
