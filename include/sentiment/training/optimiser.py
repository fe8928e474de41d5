"""Which parameters learn how fast: AdamW's groups, with weight decay and layer-wise decay of the learning rate."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from torch import nn, optim
from transformers.trainer_pt_utils import get_parameter_names

from sentiment.training.config.train import TrainConfig

_LAYER = re.compile(r"\blayers?\.(\d+)\.")


def adamw(model: nn.Module, config: TrainConfig, names: Collection[str] | None = None) -> optim.AdamW:
    """Return AdamW for what trains in the model, or for those of its parameters that are named.

    Biases and the parameters of normalisations have no weight decay.
    """
    no_decay = [r"bias", r"layernorm", r"(?:^|\.|_)norm(?:$|\.)"]
    decayed = get_parameter_names(model, [nn.LayerNorm], no_decay)  # type: ignore[no-untyped-call]
    groups = parameter_groups(model, config.peak_learning_rate, config.layer_decay, config.weight_decay, decayed, names)
    betas = (config.beta1, config.beta2)
    return optim.AdamW(groups, lr=config.peak_learning_rate, betas=betas, eps=config.epsilon)


def parameter_groups(
    model: nn.Module,
    learning_rate: float,
    layer_decay: float,
    weight_decay: float,
    decayed: Collection[str],
    only: Collection[str] | None = None,
) -> list[dict[str, Any]]:
    """Return groups of what trains: the head at `learning_rate`, each encoder layer at `layer_decay` of the one above.

    The embeddings lie below the first layer. Only parameters whose names are in `decayed` have weight decay. With
    `only` the names of the parameters to group are given.
    """
    names = [name for name, _ in model.named_parameters()]
    layers = 1 + max((_number(name) for name in names), default=-1)
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and (only is None or name in only):
            below, decays = _layers_below_the_head(name, layers), name in decayed
            fresh = {
                "params": [],
                "lr": learning_rate * layer_decay**below,
                "weight_decay": weight_decay if decays else 0.0,
            }
            groups.setdefault((below, decays), fresh)["params"].append(parameter)
    return list(groups.values())


def _layers_below_the_head(name: str, layers: int) -> int:
    number = _number(name)
    if number >= 0:
        return layers - number
    return layers + 1 if "embedding" in name and layers else 0


def _number(name: str) -> int:
    found = _LAYER.search(name)
    return int(found.group(1)) if found else -1
