"""Low-rank adapters on an encoder: put in before a training, kept as files and merged into the weights after it.

Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang, Chen: LoRA, ICLR 2022, by PEFT.
"""

from __future__ import annotations

import os
from pathlib import Path

from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

from sentiment.core.errors import ContractError
from sentiment.training.config.train import TrainConfig
from sentiment.training.models.classifier import EncoderClassifier

# What the query and the value of attention are called in each architecture.
QUERY_AND_VALUE = {
    "albert": ("query", "value"),
    "bert": ("query", "value"),
    "camembert": ("query", "value"),
    "deberta-v2": ("query_proj", "value_proj"),
    "distilbert": ("q_lin", "v_lin"),
    "electra": ("query", "value"),
    "mpnet": ("q", "v"),
    "roberta": ("query", "value"),
    "xlm-roberta": ("query", "value"),
}


def add_adapters(model: EncoderClassifier, config: TrainConfig) -> None:
    """Freeze the encoder and give the layers that `lora_targets` names trainable adapters; the head trains whole.

    Raises ContractError when the architecture's layers are not known by name.
    """
    adapters = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=_targets(model.backbone.config.model_type, config),
    )
    model.backbone = get_peft_model(model.backbone, adapters)


def merge_adapters(model: EncoderClassifier, folder: Path) -> None:
    """Write adapter_model.safetensors, adapter_config.json and head.safetensors, then add the adapters to the weights.

    Of several processes the first one writes. The model becomes a plain encoder with its head and gives the same
    logits.
    """
    if int(os.environ.get("RANK", "0")) == 0:  # torchrun's; one process has none
        _write(model, folder)
    model.backbone = model.backbone.merge_and_unload()


def _write(model: EncoderClassifier, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # PEFT would ask the hub whether the vocabulary grew.
    model.backbone.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # an empty form
    save_file(
        {name: value.contiguous() for name, value in model.head.state_dict().items()}, folder / "head.safetensors"
    )


def _targets(architecture: str, config: TrainConfig) -> str | list[str]:
    if config.lora_targets == "all_linear":
        return "all-linear"
    if architecture not in QUERY_AND_VALUE:
        raise ContractError(
            f"the attention layers of {architecture} are not known by name, only those of "
            f"{', '.join(QUERY_AND_VALUE)}; take lora_targets=all_linear"
        )
    query, value = QUERY_AND_VALUE[architecture]
    return [query] if config.lora_targets == "query" else [query, value]
