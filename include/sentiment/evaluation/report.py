"""Writes what a trained model can and cannot do as one HTML page that needs no other file, and no script but ours.

Reviews are strangers' words: every text is escaped, and the page's policy runs the one script alone, by its hash.
"""

from __future__ import annotations

import math
import textwrap
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from sentiment.evaluation.assessment import Assessment
from sentiment.evaluation.wording import RULES

# MLflow shows the page in a frame where links to a place of the page lead nowhere. The keyboard goes on from the place.
_GO = """
document.querySelector("nav").addEventListener("click", (click) => {
  const place = window !== window.top && click.target.hash && document.querySelector(click.target.hash);
  if (place) { click.preventDefault(); place.scrollIntoView(); place.focus({ preventScroll: true }); }
});
"""
# What of a long text is shown: its beginning and, where the verdict often stands, its end.
HEAD, TAIL = 560, 200

_FIGURES = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "precision_negative": "Precision, negative",
    "recall_negative": "Recall, negative",
    "f1_negative": "F1, negative",
    "precision_positive": "Precision, positive",
    "recall_positive": "Recall, positive",
    "f1_positive": "F1, positive",
    "false_negative_rate_negatives": "Complaints missed",
    "roc_auc": "ROC-AUC",
    "pr_auc_negatives": "PR-AUC, negative",
    "log_loss": "Log loss",
    "brier": "Brier score",
    "ece": "Calibration error (ECE)",
    "ece_before": "ECE before calibration",
}


@dataclass(frozen=True)
class Report:
    """All that the page says of one run.

    A part of the assessment without rows is left out of the page. `settings` are those that counted, `warning` what the
    reader must know first, `note` what else is not as one would think. `folds` are the rows of a cross-validation,
    `over_folds` their `NAME_mean` and `NAME_std`.
    """

    model: str
    family: str
    run_id: str
    snapshot: str
    reviews: Mapping[str, int]  # by split
    parameters: int
    trainable: int
    training_seconds: float
    assessment: Assessment
    settings: Mapping[str, Any] = field(default_factory=dict)
    warning: str = ""
    note: str = ""
    folds: Sequence[Mapping[str, float]] = ()
    over_folds: Mapping[str, float] = field(default_factory=dict)


def write_report(report: Report, pictures: Mapping[str, Path], path: Path) -> Path:
    """Write the page with its pictures inside it and return `path`.

    `pictures` are PNG files by name: `confusion_matrix`, `learning_curve`, `reliability`, `error_confidence`, `slices`;
    others are shown at the end under their names.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"share": _share, "figure": _figure, "excerpt": _excerpt, "duration": _duration, "known": _known}
    images = {name: b64encode(picture.read_bytes()).decode("ascii") for name, picture in pictures.items()}
    page = pages.get_template("report.html.j2").render(
        report=report,
        found=report.assessment,
        images=images,
        names=_FIGURES,
        rules=RULES,
        go=Markup(_GO),  # noqa: S704  ours, and no text of a review
        hash_of_go=b64encode(sha256(_GO.encode()).digest()).decode("ascii"),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    # A lone surrogate in a review is the one thing that UTF-8 cannot hold.
    path.write_text(page, encoding="utf-8", errors="replace")
    return path


def _share(value: float | None, digits: int = 1) -> str:
    """Write a share as per cent, and nothing known as a dash."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{digits}f}\N{NO-BREAK SPACE}%"


def _figure(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.4f}"


def _known(bounds: tuple[float, float] | None) -> bool:
    return bounds is not None and all(map(math.isfinite, bounds))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _excerpt(text: str) -> str:
    """Return a text in one line, a long one without its middle, cut between words where it has any."""
    line = " ".join(text.split())
    if len(line) <= HEAD + TAIL:
        return line
    head = textwrap.shorten(line, HEAD, placeholder="") or line[:HEAD]
    tail = line[-TAIL:].partition(" ")[2] or line[-TAIL:]
    return f"{head} […] {tail}"
