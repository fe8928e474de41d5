"""A moving average of the weights over the steps of a training, which is what is validated, kept and comes out.

Polyak and Juditsky: Acceleration of Stochastic Approximation by Averaging, 1992; of deep networks Izmailov,
Podoprikhin, Garipov, Vetrov, Wilson: Averaging Weights Leads to Wider Optima and Better Generalization, UAI 2018, and,
exponential as here, Morales-Brotons, Vogels, Hendrikx: Exponential Moving Average of Weights in Deep Learning, 2024.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn
from transformers import TrainerCallback

from sentiment.training.checkpoints import PlainCheckpointTrainer

# In a checkpoint, beside the average in model.safetensors: the weights that training goes on with.
_WEIGHTS = "weights.safetensors"


class MovingAverage:
    """The average of what trains in a network, from its first weights on."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        self._trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
        self._kept = {name: value.detach().clone() for name, value in self._trained.items()}

    def update(self, step: int) -> None:
        """Take in the weights after a step, the first being 1.

        The decay grows with the steps, min(decay, (1 + step) / (10 + step)), as TensorFlow's ExponentialMovingAverage
        has it: a short training would otherwise be averaged with the weights that it began with.
        """
        decay = min(self._decay, (1 + step) / (10 + step))
        average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        average([*self._kept.values()], [value.detach() for value in self._trained.values()], step)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Have the network compute with the average; the weights come back at the end."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def save_weights(self, folder: Path) -> None:
        """Write the weights that are averaged."""
        save_file({name: value.detach().contiguous() for name, value in self._trained.items()}, folder / _WEIGHTS)

    def load_weights(self, folder: Path) -> None:
        """Take what the network holds for the average, and the weights from what `save_weights` wrote."""
        weights = load_file(folder / _WEIGHTS)
        with torch.no_grad():
            for name, value in self._trained.items():
                self._kept[name].copy_(value)
                value.copy_(weights[name])

    def _exchange(self) -> None:
        for name, value in self._trained.items():
            value.data, self._kept[name] = self._kept[name], value.data


class AveragingTrainer(PlainCheckpointTrainer):
    """The Trainer whose network is validated, and saved as the one that may come out, as an average over its steps.

    With a decay of 0 the weights themselves are.
    """

    def __init__(self, averaging: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        network: Any = self.model
        self._average = MovingAverage(network, averaging) if averaging else None
        if self._average:
            self.add_callback(_AfterEachStep(self._average))

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Validate, the average where there is one."""
        if self._average is None:
            return super().evaluate(*args, **kwargs)
        with self._average.in_place():
            return super().evaluate(*args, **kwargs)

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Tensor] | None = None) -> None:
        if self._average is None:
            super()._save(output_dir, state_dict)
            return
        with self._average.in_place():
            super()._save(output_dir, state_dict)
        # Of several processes the first one writes, and makes the folder.
        if self.args.should_save:
            self._average.save_weights(Path(output_dir or str(self.args.output_dir)))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        if self._average:
            self._average.load_weights(Path(resume_from_checkpoint))


class _AfterEachStep(TrainerCallback):
    """Has the average take in the weights after each step of the optimiser."""

    def __init__(self, average: MovingAverage) -> None:
        self._average = average

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Called by the Trainer."""
        self._average.update(state.global_step)
