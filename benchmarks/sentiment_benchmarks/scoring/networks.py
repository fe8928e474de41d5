"""The network as the product scores with it, and as people run it today, on one machine.

The others score batches of 32 in order of arrival, padded to the longest.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from sentiment.core.names import EngineName
from sentiment.engine.bundle import Bundle
from sentiment.engine.engines import open_engine, runs_here
from sentiment.engine.scorer import Scorer
from sentiment_benchmarks.scoring.contenders import (
    BATCH,
    Contender,
    Score,
    encoder_of,
    joined,
    plain_tokenizer,
    scored_in_batches,
)
from sentiment_benchmarks.scoring.converted import ctranslate2_score
from sentiment_benchmarks.scoring.material import Material

_CALLED = {
    "onnxruntime-int8": "onnxruntime, int8",
    "onnxruntime-fp32": "onnxruntime, fp32",
    "openvino-int8": "OpenVINO, static int8",
}


def our_contenders(bundle: Bundle) -> list[Contender]:
    """Return a contender for every engine that runs here, the bundle's fastest first, and the cascade on and off."""
    return [
        Contender(
            f"ours, {engine}, cascade {'on' if cascade else 'off'}",
            partial(_scorer, engine, cascade),
            ours=True,
            decides="bundle" if cascade else "network",
        )
        for engine in bundle.engines
        if runs_here(engine)
        for cascade in ((True, False) if bundle.gate else (False,))
    ]


def _scorer(engine: EngineName, cascade: bool, material: Material, stack: ExitStack) -> Score:
    scorer = Scorer.load(material.bundle, engine, cascade, threads=material.cores)

    def score(titles: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        return scorer.probabilities(titles, texts)

    return score


def network_contenders(bundle: Bundle) -> list[Contender]:
    """Return the `transformers` pipeline, CTranslate2, and the bundle's engines without what `Scorer` adds."""
    plain = [
        Contender(f"{name}, batches in arrival order", partial(_plain, engine), slow=engine == "onnxruntime-fp32")
        for engine in bundle.engines
        if (name := _CALLED.get(engine)) and runs_here(engine)
    ]
    pipeline = Contender("transformers pipeline", _pipeline, slow=True)
    return [pipeline, *plain, Contender("CTranslate2 encoder, int8", ctranslate2_score, package="ctranslate2")]


def _plain(engine: EngineName, material: Material, stack: ExitStack) -> Score:
    tokenizer, run = plain_tokenizer(material), open_engine(material.bundle, engine, material.cores).run

    def logits(batch: list[str]) -> np.ndarray:
        encodings = tokenizer.encode_batch(batch)
        ids, mask = ([getattr(encoding, name) for encoding in encodings] for name in ("ids", "attention_mask"))
        return run(np.array(ids, np.int64), np.array(mask, np.int64))

    return partial(scored_in_batches, logits, material.description.calibration)


def _pipeline(material: Material, stack: ExitStack) -> Score:
    import torch
    from transformers import TextClassificationPipeline

    from sentiment_benchmarks.scoring.as_pretrained import pretrained_model, pretrained_tokenizer

    stack.callback(torch.set_num_threads, torch.get_num_threads())
    torch.set_num_threads(material.cores)
    # A made-up class: the pipeline logs once that it does not know its name.
    classify: Any = TextClassificationPipeline(  # type: ignore[no-untyped-call]
        model=pretrained_model(encoder_of(material)),
        tokenizer=pretrained_tokenizer(material.tokenizer_json, material.description.max_length),
        device="cpu",
    )

    def score(titles: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        options = {"batch_size": BATCH, "truncation": True, "top_k": None, "function_to_apply": "none"}
        answers = classify(joined(titles, texts), **options)
        logits = [[label["score"] for label in sorted(answer, key=itemgetter("label"))] for answer in answers]
        return material.description.calibration.probability(np.array(logits, np.float32))

    return score
