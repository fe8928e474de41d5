"""What a linear model says of training reviews whose products it has not seen: kept beside the snapshot.

It is the model of a cascade's gate, fitted once without each fold of the products.
"""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from sentiment.core.context import Context
from sentiment.core.errors import ContractError, UnavailableError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import LABELS
from sentiment.datasets.folds import fold_of
from sentiment.engine.tokens import ReviewTokenizer
from sentiment.stores import files as storage
from sentiment.training.cascade import fit_gate
from sentiment.training.models.encoders import at_hand, encoder_tokenizer
from sentiment.training.models.linear import LINEAR_MAX_LENGTH

log = logging.getLogger(__name__)

FOLDS = 3


def obtain_log_odds(
    folder: str, encoder: str, reviews: LabelledReviews, products: Sequence[str], context: Context
) -> np.ndarray:
    """Return the log odds of positive of all training reviews of a snapshot, float32 [n], in their order.

    They are those of the words of an encoder's tokenizer, computed when somebody first asks for them and written into
    the snapshot's folder. Raises ContractError when a fold leaves reviews of one label alone.
    """
    tokenizer_json = encoder_tokenizer(at_hand(encoder, context.settings))
    file = storage.join(folder, f"doubt-{hashlib.sha256(tokenizer_json.encode()).hexdigest()[:8]}.parquet")
    kept = _kept(file)
    if kept.keys() >= set(reviews.keys):
        return np.array([kept[key] for key in reviews.keys], np.float32)
    log_odds = out_of_fold(reviews, products, tokenizer_of(tokenizer_json), context)
    _keep(file, reviews.keys, log_odds)
    return log_odds


def tokenizer_of(content: str) -> ReviewTokenizer:
    """Return the tokenizer of a linear model: it reads reviews whole, but for the far middles of the longest."""
    return ReviewTokenizer.from_json(content, LINEAR_MAX_LENGTH, 0.5)


def out_of_fold(
    reviews: LabelledReviews, products: Sequence[str], tokenizer: ReviewTokenizer, context: Context
) -> np.ndarray:
    """Return the log odds of positive of reviews, each said by a model that no review of its product was shown to."""
    context.progress(f"reading {len(reviews):,} reviews for a linear model's doubt")
    ids = tokenizer.whole(reviews.titles, reviews.texts)
    folds = np.array([fold_of(product, FOLDS) for product in products])
    log_odds = np.empty(len(reviews), np.float32)
    for fold in range(1, FOLDS + 1):
        context.progress("doubting, folds", fold - 1, FOLDS)
        asked, others = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        if len(np.unique(reviews.labels[others])) < len(LABELS):
            raise ContractError(
                f"without fold {fold} of {FOLDS} there are no training reviews of both labels; take selection random"
            )
        gate = fit_gate([ids[row] for row in others], reviews.labels[others], seed=0)
        log_odds[asked] = gate.read([ids[row] for row in asked]).log_odds
    context.progress("doubting, folds", FOLDS, FOLDS)
    return log_odds


def _kept(file: str) -> dict[str, float]:
    """Return what was written, by the keys of the reviews; nothing where there is no such table, or a torn one."""
    try:
        table = parquet.read_table(io.BytesIO(storage.read_bytes(file) or b""))
        return dict(zip(table["review_key"].to_pylist(), table["log_odds"].to_pylist(), strict=True))
    except (OSError, UnavailableError, pa.ArrowInvalid, KeyError):
        return {}


def _keep(file: str, keys: Sequence[str], log_odds: np.ndarray) -> None:
    written = io.BytesIO()
    parquet.write_table(pa.table({"review_key": keys, "log_odds": log_odds}), written, compression="zstd")
    try:
        storage.write_bytes(file, written.getvalue())
    except (OSError, UnavailableError) as error:
        log.warning("the doubt of a linear model cannot be kept, and is computed by each training: %s", error)
