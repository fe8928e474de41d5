"""A study's pictures as PNG files: how it went, which settings mattered, and what good trials have in common."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from optuna.exceptions import ExperimentalWarning
from optuna.trial import TrialState
from optuna.visualization import matplotlib as plots

if TYPE_CHECKING:
    from optuna import Study

DOTS_AN_INCH = 150
# Importance is a matter of differences between completed trials.
FEWEST_TO_COMPARE = 2


def draw_study(study: Study, folder: Path) -> list[Path]:
    """Draw history, parallel coordinates, slices and, where trials differ, importance; returns the files."""
    values = {trial.value for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))}
    drawn: dict[str, Callable[..., Any]] = {
        "history": plots.plot_optimization_history,
        "parallel_coordinates": plots.plot_parallel_coordinate,
        "slices": plots.plot_slice,
    }
    if len(values) >= FEWEST_TO_COMPARE:
        drawn["importance"] = plots.plot_param_importances
    return [_draw(plot, study, folder / f"{name}.png") for name, plot in drawn.items()]


def _draw(plot: Callable[..., Any], study: Study, path: Path) -> Path:
    before = plt.get_backend()
    # The plots choose a style and open windows for the whole process; both are undone.
    with mpl.rc_context(), warnings.catch_warnings():
        # All of Optuna's plots are experimental, and a study of one trial has axes of no length.
        warnings.simplefilter("ignore", ExperimentalWarning)
        warnings.simplefilter("ignore", UserWarning)
        plt.switch_backend("agg")
        target = {"target_name": "macro F1"} if plot is not plots.plot_param_importances else {}
        figure = np.ravel(plot(study, **target))[0].figure
        figure.set_size_inches(*_size(figure))
        figure.savefig(path, dpi=DOTS_AN_INCH, bbox_inches="tight")
        plt.close(figure)
        plt.switch_backend(before)
    return path


def _size(figure: Any) -> tuple[float, float]:
    """Give every axis of a row its width, in inches."""
    return max(7.0, 2.6 * len(figure.axes)), 4.2
