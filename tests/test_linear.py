"""The linear family: scikit-learn's decisions, reached by the same path as an encoder's."""

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression

import tiny
from sentiment.core.settings import Settings
from sentiment.engine.features import bigram_buckets, count_buckets, unigram_buckets
from sentiment.engine.tokens import ReviewTokenizer
from sentiment.training.config.train import TrainConfig
from sentiment.training.fit import fit
from sentiment.training.fitted import Fitted, predict_logits
from sentiment.training.linear import solve
from sentiment.training.models.linear import HashedLinear

BUCKETS = 2**12
CONFIG = TrainConfig(family="linear", buckets=BUCKETS)


@pytest.fixture
def tokenizer():
    return ReviewTokenizer.from_json(tiny.bert_tokenizer_json(), 128, 0.5)


def test_counts_are_uni_and_bigrams_without_special_tokens():
    counts = count_buckets([np.array([2, 7, 8, 7, 8, 3]), np.array([2, 3]), np.array([2, 8, 3])], (2, 3), BUCKETS)
    seven, eight = unigram_buckets(7, BUCKETS), unigram_buckets(8, BUCKETS)
    expected = {seven: 2, eight: 2, bigram_buckets(7, 8, BUCKETS): 2, bigram_buckets(8, 7, BUCKETS): 1}
    assert {column: counts[0, column] for column in counts[0].indices} == expected
    assert counts[1].nnz == 0
    assert counts[2].indices.tolist() == [eight]
    assert count_buckets([], (2, 3), BUCKETS).shape == (0, BUCKETS)


def test_hashing_spreads_the_pairs_of_a_real_vocabulary_evenly():
    draw = np.random.default_rng(0)
    left, right = draw.integers(0, 30_522, (2, 100_000))
    # 100,000 draws into 2^16 equal buckets leave exp(-1.526) = 21.7 % of them empty.
    assert np.unique(bigram_buckets(left, right, 2**16)).size / 2**16 == pytest.approx(0.783, abs=0.01)


@pytest.mark.parametrize("buckets", [2**8, 2**16])
def test_the_module_decides_as_scikit_learn_does(tokenizer, buckets):
    """2^8 buckets make uni- and bigrams collide, which must count together in both."""
    train, other = tiny.reviews(300), tiny.reviews(40, seed=1)
    ids = tokenizer.encode(train.titles, train.texts)
    counts = count_buckets(ids, tokenizer.special_ids, buckets)
    model = solve(counts, train.labels, CONFIG, tokenizer.special_ids)

    common = np.flatnonzero(np.bincount(counts.indices, minlength=buckets) >= 2)
    weighting = TfidfTransformer(sublinear_tf=True).fit(counts[:, common])
    regression = LogisticRegression(C=CONFIG.inverse_regularisation, solver="liblinear", random_state=CONFIG.seed)
    regression.fit(weighting.transform(counts[:, common]), train.labels)
    unseen = tokenizer.encode(other.titles, other.texts)
    expected = regression.decision_function(
        weighting.transform(count_buckets(unseen, tokenizer.special_ids, buckets)[:, common])
    )
    with torch.inference_mode():
        logits = model(*map(torch.from_numpy, tokenizer.pad(unseen))).numpy()
    assert logits[:, 1] - logits[:, 0] == pytest.approx(expected, abs=1e-5)


def test_padding_does_not_change_a_decision(tokenizer):
    model = HashedLinear(torch.rand(BUCKETS) + 1, torch.randn(BUCKETS), 0.3, tokenizer.special_ids)
    ids = tokenizer.encode(["", ""], ["great great phone", "it was broken " * 12])
    alone = model(*map(torch.from_numpy, tokenizer.pad(ids[:1])))
    padded = model(*map(torch.from_numpy, tokenizer.pad(ids)))
    assert padded[0].tolist() == pytest.approx(alone[0].tolist(), abs=1e-6)


def test_a_review_without_words_gets_the_intercept(tokenizer):
    model = HashedLinear(torch.ones(BUCKETS), torch.randn(BUCKETS), 0.3, tokenizer.special_ids)
    with torch.inference_mode():
        logits = model(*map(torch.from_numpy, tokenizer.pad(tokenizer.encode([""], [""]))))
    assert float(logits[0, 1] - logits[0, 0]) == pytest.approx(0.3, abs=1e-6)


def test_a_trained_model_learns_logs_and_survives_a_folder(tmp_path):
    encoder = tiny.write_encoder(tmp_path / "encoder")
    config = CONFIG.model_copy(update={"encoder": str(encoder)})
    records = []
    fitted = fit(config, tiny.reviews(300), tiny.reviews(100, seed=1), tmp_path / "work", Settings(), records.append)
    assert records == fitted.history
    assert records[0]["eval_accuracy"] > 0.95
    assert fitted.parameters == fitted.trainable < BUCKETS + 2

    fitted.save(tmp_path / "fitted")
    again = Fitted.load(tmp_path / "fitted")
    test = tiny.reviews(30, seed=2)
    assert (predict_logits(again, test) == predict_logits(fitted, test)).all()
    assert (again.history, again.family, again.max_length) == (fitted.history, "linear", 512)
