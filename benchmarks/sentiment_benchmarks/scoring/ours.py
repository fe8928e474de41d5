"""The bundle as the product scores with it: every engine that runs here, with the gate and without."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

import numpy as np

from sentiment.core.names import EngineName
from sentiment.engine.bundle import Bundle
from sentiment.engine.engines import runs_here
from sentiment.engine.scorer import Scorer
from sentiment_benchmarks.scoring.contenders import Contender, Score
from sentiment_benchmarks.scoring.material import Material


def our_contenders(bundle: Bundle) -> list[Contender]:
    """Return a contender for every engine that runs here, the bundle's fastest first, and the gate on and off."""
    return [
        Contender(f"ours, {engine}, gate {'on' if gate else 'off'}", partial(_scorer, engine, gate), ours=True)
        for engine in bundle.engines
        if runs_here(engine)
        for gate in ((True, False) if bundle.gate else (False,))
    ]


def _scorer(engine: EngineName, gate: bool, material: Material, stack: ExitStack) -> Score:
    scorer = Scorer.load(material.bundle, engine, gate, threads=material.cores)

    def score(titles: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        return scorer.probabilities(titles, texts)

    return score
