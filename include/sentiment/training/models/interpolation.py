"""Weights between those of a fine-tuned encoder and of the pretrained one that it was: WiSE-FT.

Wortsman, Ilharco, Kim, Li, Kornblith, Roelofs, Gontijo Lopes, Hajishirzi, Farhadi, Namkoong, Schmidt: Robust
Fine-Tuning of Zero-Shot Models, CVPR 2022. There both ends have a head; here the pretrained has none, and the head
stays as it was learnt.
"""

from __future__ import annotations

import torch

from sentiment.training.config.train import TrainConfig
from sentiment.training.models.classifier import EncoderClassifier
from sentiment.training.models.start import starting_model


def mix_in_pretrained(model: EncoderClassifier, config: TrainConfig) -> None:
    """Make each weight of the encoder (1 - s) of what it became + s of what it was, s being `pretrained_share`.

    What adapters add to a weight shrinks to (1 - s) of it, which is the same.
    """
    share = config.pretrained_share
    with torch.no_grad():
        if config.family == "lora":
            for name, learnt in model.backbone.named_parameters():
                if "lora_B" in name:
                    learnt.mul_(1 - share)
            return
        pretrained = starting_model(config)[0].backbone.state_dict()
        for name, learnt in model.backbone.named_parameters():
            learnt.lerp_(pretrained[name].to(learnt.device), share)
