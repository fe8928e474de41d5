"""One recurrent network divided over two processes: words' vectors and logits in one, the recurrence in the other."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed import ProcessGroup, all_reduce, get_rank, get_world_size
from torch.distributed.pipelining import PipelineStage, ScheduleInterleaved1F1B
from torch.nn.functional import pad

from sentiment.core.names import LABELS
from sentiment.training.config.optimisation import Precision
from sentiment.training.imbalance import Loss
from sentiment.training.models.recurrent import RecurrentClassifier

# Two parts of a batch under way at once: each process has one to work on, and matrices stay large.
MICROBATCHES = 2
# Buffers are made for a shape. Of 128 tokens there are 8 lengths of this step, at 8 tokens of padding a batch.
LENGTH_STEP = 16
SHAPES_KEPT = 64
# The stages go round the processes: 0 embedding, 1 recurrence, 2 output, 3 loss. So the first process holds both ends
# of the network and the second its middle; that the logits end at the second costs two numbers a review.
STAGES = 4


class StagedNetwork:
    """This process's part of a network, with the steps that all processes of `group` (two) make together.

    They call the same methods in the same order with the same batches: `input_ids` and `attention_mask` [reviews,
    tokens], `labels` of as many reviews. So ids, masks and labels are everywhere, and states and their gradients alone
    travel.
    """

    def __init__(
        self,
        network: RecurrentClassifier,
        loss: Loss,
        group: ProcessGroup,
        device: torch.device,
        precision: Precision = "fp32",
    ) -> None:
        self._loss, self._group, self._device = loss, group, device
        self._widths = (network.embedding.embedding_dim, network.shape.width)
        modules = (network.embedding, network.recurrent, network.output, nn.Identity())
        first = get_rank(group)
        self._parts = {index: _Part(modules[index], precision).to(device) for index in range(first, STAGES, 2)}
        mine = {id(parameter) for part in self._parts.values() for parameter in part.parameters()}
        self.parameters = {name: value for name, value in network.named_parameters() if id(value) in mine}
        self._schedule = lru_cache(SHAPES_KEPT)(self._new_schedule)

    def train(self, mode: bool = True) -> None:
        """Switch dropout on or off."""
        for part in self._parts.values():
            part.train(mode)

    def backward(self, batch: dict[str, Tensor], weight: float = 1.0) -> Tensor:
        """Add the gradients of `weight` times a batch's loss to `parameters`, and return that loss.

        It is the mean over the batch's microbatches, and comes out at the second process; the first gets 0.
        """
        batch, losses = self._laid_out(batch), list[Tensor]()
        self._schedule(*batch["input_ids"].shape, weight).step(
            *self._input(batch),
            target=batch["labels"],
            losses=losses,
            return_outputs=False,
            attention_mask=batch["attention_mask"],
        )
        return torch.stack(losses).sum().detach() if losses else torch.zeros((), device=self._device)

    @torch.no_grad()
    def logits(self, batch: dict[str, Tensor]) -> Tensor | None:
        """Return float32 logits [reviews, 2] of a batch at the second process, None at the first."""
        batch = self._laid_out(batch)
        schedule = self._schedule(*batch["input_ids"].shape, None)
        logits: Tensor | None = schedule.step(*self._input(batch), attention_mask=batch["attention_mask"])
        return logits

    def _input(self, batch: dict[str, Tensor]) -> tuple[Tensor, ...]:
        return (batch["input_ids"],) if 0 in self._parts else ()

    def _laid_out(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        missing = -batch["input_ids"].shape[1] % LENGTH_STEP
        longer = {name: value if name == "labels" else pad(value, (0, missing)) for name, value in batch.items()}
        return {name: value.to(self._device) for name, value in longer.items()}

    def _new_schedule(self, reviews: int, tokens: int, weight: float | None) -> Any:
        """Return the steps for batches of one shape; without a weight there is no loss and no way back."""
        count = MICROBATCHES if reviews % MICROBATCHES == 0 else 1
        shapes = [(tokens, self._widths[0]), (tokens, self._widths[1]), (len(LABELS),), (len(LABELS),)]
        values = [torch.empty(reviews // count, *shape, device="meta", requires_grad=True) for shape in shapes]
        values = [torch.empty(reviews // count, tokens, dtype=torch.int64, device="meta"), *values]
        stages: list[Any] = [
            PipelineStage(part, index, STAGES, self._device, values[index], values[index + 1], group=self._group)
            for index, part in self._parts.items()
        ]

        def loss(logits: Tensor, labels: Tensor) -> Tensor:
            return self._loss(logits, labels) * ((weight or 0) / count)

        return ScheduleInterleaved1F1B(stages, count, loss_fn=None if weight is None else loss, scale_grads=False)


def average_gradients(parameters: Iterable[nn.Parameter], group: ProcessGroup) -> None:
    """Replace the gradients by their means over the processes of a group, which hold the same parameters."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if (processes := get_world_size(group)) > 1:
        together = nn.utils.parameters_to_vector(gradients)
        all_reduce(together, group=group)
        nn.utils.vector_to_parameters(together / processes, gradients)


def clip_gradients(parameters: Iterable[nn.Parameter], longest: float, group: ProcessGroup) -> float:
    """Cut the gradients to a norm of `longest` (0 cuts none), and return the norm that they had.

    It is the norm over all processes of the group, each of which holds other parameters.
    """
    parameters = list(parameters)
    squared = nn.utils.get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None]) ** 2
    all_reduce(squared, group=group)
    norm = squared.sqrt()
    if longest:
        nn.utils.clip_grads_with_norm_(parameters, longest, norm)
    return float(norm)


class _Part(nn.Module):
    """A module of the network as a stage; what leaves it is float32 in whole rows, as it travels.

    What the identity gives is a copy: pipelines detach outputs in place, and what came in is a buffer to be used again.
    """

    def __init__(self, module: nn.Module, precision: Precision) -> None:
        super().__init__()
        self.module = module
        self._mixed = precision == "bf16"

    def forward(self, values: Tensor, attention_mask: Tensor) -> Tensor:
        """Return what the module makes of token ids or of the values of the stage before."""
        if isinstance(self.module, nn.Embedding | nn.Identity):
            return torch.clone(self.module(values))
        with torch.autocast(values.device.type, torch.bfloat16, enabled=self._mixed):
            result: Tensor = self.module(values, attention_mask)
        return result.float().contiguous()
