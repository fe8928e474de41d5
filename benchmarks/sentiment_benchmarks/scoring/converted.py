"""The encoder converted for CTranslate2, which has no classifier like ours: pooling and head are computed beside it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sentiment_benchmarks.scoring.contenders import (
    LeftOutError,
    Score,
    encoder_of,
    plain_tokenizer,
    scored_in_batches,
)
from sentiment_benchmarks.scoring.material import Material


def ctranslate2_score(material: Material, stack: ExitStack) -> Score:
    """Convert the encoder to int8; raises LeftOutError when the converter does not know its architecture."""
    import ctranslate2

    model, tokenizer = encoder_of(material), plain_tokenizer(material)
    tokenizer.no_padding()
    threads = {"intra_threads": material.cores, "inter_threads": 1}
    encoder = ctranslate2.Encoder(str(_converted(model, material)), "cpu", compute_type="int8", **threads)
    head = Head(model)

    def logits(batch: list[str]) -> np.ndarray:
        ids = [encoding.ids for encoding in tokenizer.encode_batch(batch)]
        states = np.array(encoder.forward_batch(ids).last_hidden_state)
        return head(states, np.array([len(review) for review in ids]))

    return partial(scored_in_batches, logits, material.description.calibration)


class Head:
    """Pooling and head of an `EncoderClassifier` in NumPy."""

    def __init__(self, model: Any) -> None:
        layers = [layer for layer in model.head if hasattr(layer, "weight")]
        self._layers = [tuple(part.detach().numpy() for part in (layer.weight, layer.bias)) for layer in layers]
        self._pooling = model.pooling

    def __call__(self, states: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Return float32 logits [reviews, 2] of token states [reviews, tokens, width] and lengths [reviews]."""
        pooled = states[:, 0]
        if self._pooling == "mean":
            mask = np.arange(states.shape[1]) < lengths[:, None]
            pooled = (states * mask[..., None]).sum(1) / lengths[:, None]
        for at, (weight, bias) in enumerate(self._layers):
            pooled = (np.maximum(pooled, 0) if at else pooled) @ weight.T + bias
        return np.asarray(pooled, np.float32)


def _converted(model: Any, material: Material) -> Path:
    from ctranslate2.converters import TransformersConverter

    source, converted = material.scratch / "encoder", material.scratch / "ctranslate2"
    _write_source(model, material, source)
    try:
        TransformersConverter(str(source)).convert(str(converted), quantization="int8", force=True)
    except (AssertionError, AttributeError, KeyError, NotImplementedError, ValueError) as error:
        raise LeftOutError(f"its converter does not take {model.backbone.config.model_type}: {error}") from error
    return converted


def _write_source(model: Any, material: Material, folder: Path) -> None:
    from sentiment_benchmarks.scoring.as_pretrained import pretrained_tokenizer

    model.backbone.save_pretrained(folder)
    pretrained_tokenizer(material.tokenizer_json, material.description.max_length).save_pretrained(folder)
    # The converter asks for a field that newer configurations of BERT leave out.
    described = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    content = json.dumps({"position_embedding_type": "absolute", **described})
    (folder / "config.json").write_text(content, encoding="utf-8")
