"""Contenders that run inside Spark, all in one session with a worker a core: the published recipe, MLflow's, and ours.

Reading and writing are left out for all of them alike: the reviews come from the driver's memory and go back there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sentiment.core.errors import UnavailableError
from sentiment.core.settings import Settings
from sentiment.engine.calibration import Calibration
from sentiment.stores.registry.packaging import SERVED_MODEL
from sentiment.stores.spark import ARROW_BATCH_ROWS, running, session
from sentiment_benchmarks.scoring.contenders import BATCH, Contender, LeftOutError, Score, encoder_of, joined
from sentiment_benchmarks.scoring.material import Material

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_ANSWER = pa.schema([("row", pa.int64()), ("probability", pa.float32())])

# From a DataFrame of row, title, text and joined to one of row and probability.
_Scored = Callable[["DataFrame"], "DataFrame"]
_Door = Callable[["SparkSession", Material], _Scored]


def spark_contenders(settings: Settings) -> list[Contender]:
    """Return our engine under each of Spark's doors and as MLflow serves it, and the published recipe."""

    def inside(name: str, scored_by: _Door, **more: Any) -> Contender:
        return Contender(name, partial(_in_spark, settings, scored_by), under_spark=True, **more)

    return [
        inside("ours under Spark, mapInArrow", _map_in_arrow, ours=True, decides="bundle"),
        inside("ours under Spark, predict_batch_udf", _predict_batch_udf, ours=True, decides="bundle"),
        inside("the bundle by mlflow.pyfunc.spark_udf", _spark_udf, note="two threads a worker", decides="bundle"),
        Contender("the bundle by mlflow.pyfunc, as served", _served, note="two threads", decides="bundle"),
        inside("published recipe, predict_batch_udf with torch", _recipe, slow=True),
    ]


def _in_spark(
    settings: Settings,
    scored_by: _Door,
    material: Material,
    stack: ExitStack,
) -> Score:
    here = settings.model_copy(update={"spark_master": f"local[{material.cores}]"})
    # The first of them opens the session, the others share it, and the stack stops it.
    try:
        spark = stack.enter_context(session(here, "benchmark", shared=running()))
    except UnavailableError as error:
        raise LeftOutError("needs Java 17 or 21") from error
    scored = scored_by(spark, material)

    def score(titles: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        columns = {"row": range(len(texts)), "title": titles, "text": texts, "joined": joined(titles, texts)}
        reviews: Any = pa.table({name: pa.array(column) for name, column in columns.items()})
        frame = spark.createDataFrame(reviews).repartition(material.cores)
        return _by_row(scored(frame).toArrow())

    return score


def _by_row(answers: pa.Table) -> np.ndarray:
    return np.asarray(answers.sort_by("row")["probability"], np.float32)


def _map_in_arrow(spark: SparkSession, material: Material) -> _Scored:
    bundle = str(material.bundle)

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        scorer = _loaded(bundle)
        for batch in batches:
            probability = scorer.probabilities(batch["title"].to_pylist(), batch["text"].to_pylist())
            yield pa.RecordBatch.from_arrays([batch["row"], pa.array(probability)], schema=_ANSWER)

    return lambda reviews: reviews.mapInArrow(score, "row long, probability float")


def _predict_batch_udf(spark: SparkSession, material: Material) -> _Scored:
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql.types import FloatType

    of: Any = partial(_our_predictor, str(material.bundle))
    probability: Any = predict_batch_udf(of, return_type=FloatType(), batch_size=ARROW_BATCH_ROWS)
    return lambda reviews: reviews.select("row", probability("title", "text").alias("probability"))


def _our_predictor(bundle: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    scorer = _loaded(bundle)
    return lambda titles, texts: scorer.probabilities(titles.tolist(), texts.tolist())


@lru_cache(maxsize=1)
def _loaded(bundle: str) -> Any:
    from sentiment.engine.scorer import Scorer

    return Scorer.load(Path(bundle), threads=1)


def _recipe(spark: SparkSession, material: Material) -> _Scored:
    """As Spark's own guides have it: the model in torch, loaded once a worker, batches of 32 as they come."""
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql.types import FloatType

    encoder_of(material)
    load = partial(_predictor, str(material.model), material.tokenizer_json, material.description.max_length)
    of = partial(load, material.description.calibration)
    probability: Any = predict_batch_udf(of, return_type=FloatType(), batch_size=BATCH)
    return lambda reviews: reviews.select("row", probability("joined").alias("probability"))


def _predictor(model: str, tokenizer_json: str, max_length: int, calibration: Calibration) -> Any:
    import torch

    from sentiment.training.fitted import Fitted
    from sentiment_benchmarks.scoring.as_pretrained import pretrained_tokenizer

    classifier = Fitted.load(Path(model)).model.eval()
    tokenizer = pretrained_tokenizer(tokenizer_json, max_length)

    def predict(texts: np.ndarray) -> np.ndarray:
        inputs = tokenizer(texts.tolist(), padding=True, truncation=True, return_tensors="pt")
        with torch.no_grad():
            logits = classifier(inputs["input_ids"], inputs["attention_mask"])
        return calibration.probability(logits.numpy())

    return predict


def _spark_udf(spark: SparkSession, material: Material) -> _Scored:
    import mlflow
    from pyspark.sql.functions import struct

    answer: Any = mlflow.pyfunc.spark_udf(spark, str(_saved(material)), result_type="float", env_manager="local")
    return lambda reviews: reviews.select("row", answer(struct("text", "title")).alias("probability"))


def _served(material: Material, stack: ExitStack) -> Score:
    import mlflow
    import pandas as pd

    model = mlflow.pyfunc.load_model(str(_saved(material)))

    def score(titles: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        answers = model.predict(pd.DataFrame({"text": texts, "title": titles}))
        return np.asarray(answers["positive_probability"], np.float32)

    return score


def _saved(material: Material) -> Path:
    """Save the bundle as the model that MLflow serves, once."""
    import mlflow

    folder = material.scratch / "served"
    if not folder.is_dir():
        mlflow.pyfunc.save_model(
            folder, python_model=str(SERVED_MODEL), artifacts={"bundle": str(material.bundle)}, pip_requirements=[]
        )
    return folder
