"""The rare class: its weight, its copies, its neighbours, and the threshold from which a review is positive."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from sklearn.metrics import f1_score

import tiny
from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.settings import Settings
from sentiment.evaluation.assessment import Decision
from sentiment.evaluation.metrics import evaluate, fit_threshold
from sentiment.training.config.train import TrainConfig
from sentiment.training.fit import fit
from sentiment.training.fitted import predict_logits
from sentiment.training.imbalance import class_weights, focal_loss, oversampled, synthesised, training_loss

LOGITS = torch.tensor([[2.0, -1.0], [0.3, 0.1], [-1.0, 1.5], [0.2, 0.4]])
LABELS = torch.tensor([0, 1, 1, 0])


def unbalanced(rare: int, common: int) -> LabelledReviews:
    """Generated reviews of which so many are negative and so many positive."""
    reviews = tiny.reviews(4 * (rare + common))
    rows = [np.flatnonzero(reviews.labels == label)[:count] for label, count in ((0, rare), (1, common))]
    return reviews.take(np.sort(np.concatenate(rows)))


def test_class_weights_give_both_classes_the_same_total_weight():
    labels = np.array([0] * 20 + [1] * 180)
    weights = class_weights(labels)
    assert (weights[labels].sum(), weights[0] * 20) == pytest.approx((200, 100))


def test_weighted_cross_entropy_counts_an_error_on_the_rare_class_for_more():
    labels = np.array([0] * 10 + [1] * 90)
    weighted = training_loss(TrainConfig(imbalance="class_weights"), labels, 0.0)
    each = torch.nn.functional.cross_entropy(LOGITS, LABELS, reduction="none")
    weights = torch.tensor(class_weights(labels))[LABELS]
    assert weighted(LOGITS, LABELS).item() == pytest.approx((each * weights).mean().item(), rel=1e-5)


@pytest.mark.parametrize("imbalance", ["none", "class_weights", "focal"])
@pytest.mark.parametrize("size", [1, 2, 8])
def test_a_step_is_the_same_in_batches_of_any_size(imbalance, size):
    """As accumulation, stages, processes and a halving for want of memory cut it up."""
    logits = torch.randn(16, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 1, 1] + [1, 1] * 4 + [0, 0] + [1, 1])
    loss = training_loss(TrainConfig(imbalance=imbalance), np.array([0] * 20 + [1] * 80), label_smoothing=0.1)

    def gradient(batch: int) -> list[float]:
        learnt = logits.clone().requires_grad_()
        parts = [loss(*part) for part in zip(learnt.split(batch), labels.split(batch), strict=True)]
        torch.stack(parts).mean().backward()
        return learnt.grad.flatten().tolist()

    assert gradient(size) == pytest.approx(gradient(16), rel=1e-5)


def test_focal_loss_is_the_published_formula_and_without_gamma_half_the_cross_entropy():
    p = LOGITS.softmax(1)[torch.arange(4), LABELS]
    balance = torch.tensor([0.75, 0.25, 0.25, 0.75])
    expected = (-balance * (1 - p) ** 2 * p.log()).mean().item()
    focal = training_loss(TrainConfig(imbalance="focal"), LABELS.numpy(), 0.0)
    assert focal(LOGITS, LABELS).item() == pytest.approx(expected, rel=1e-5)
    plain = torch.nn.functional.cross_entropy(LOGITS, LABELS)
    assert focal_loss(LOGITS, LABELS, gamma=0.0, alpha=0.5).item() == pytest.approx(plain.item() / 2, rel=1e-5)


def test_label_smoothing_reaches_the_loss():
    smoothed = training_loss(TrainConfig(), LABELS.numpy(), 0.2)
    expected = torch.nn.functional.cross_entropy(LOGITS, LABELS, label_smoothing=0.2)
    assert smoothed(LOGITS, LABELS).item() == pytest.approx(expected.item())


def test_oversampling_draws_the_rare_class_again_by_seed_and_drops_nothing():
    reviews = unbalanced(10, 40)
    more = oversampled(reviews, seed=5)
    assert more.labels.sum() == 40
    assert len(more) == 80
    assert more.keys[:50] == reviews.keys
    assert set(more.keys) == set(reviews.keys)
    by_key = dict(zip(reviews.keys, reviews.texts, strict=True))
    assert [by_key[key] for key in more.keys] == more.texts
    assert oversampled(reviews, seed=5).keys == more.keys
    assert oversampled(reviews, seed=6).keys != more.keys


def test_smote_makes_points_between_neighbours_of_the_rare_class():
    draw = np.random.default_rng(0)
    rare, common = draw.uniform(4, 5, (8, 3)), draw.uniform(0, 1, (30, 3))
    features, labels = synthesised(csr_matrix(np.vstack([rare, common])), np.array([0] * 8 + [1] * 30), seed=1)
    assert np.bincount(labels).tolist() == [30, 30]
    made = features.toarray()[38:]
    assert made.shape == (22, 3)
    assert ((made >= rare.min(0)) & (made <= rare.max(0))).all()


def test_smote_without_enough_neighbours_is_refused_with_the_way_out():
    with pytest.raises(ContractError, match=r"needs more than 5 training reviews .* has 3"):
        synthesised(csr_matrix(np.eye(9)), np.array([0] * 3 + [1] * 6), seed=1)


@pytest.mark.parametrize("imbalance", ["class_weights", "oversampling", "smote"])
def test_every_remedy_finds_more_of_the_rare_class_with_the_linear_family(imbalance, tmp_path):
    encoder = tiny.write_encoder(tmp_path / "encoder")
    train, test = unbalanced(30, 240), tiny.reviews(200, seed=9)

    def found(kind: str) -> float:
        config = tiny.config(encoder, "linear", imbalance=kind)
        logits = predict_logits(fit(config, train, tiny.reviews(60, seed=1), tmp_path, Settings()), test)
        return float((logits.argmax(1) == 0)[test.labels == 0].mean())

    assert found(imbalance) > found("none") + 0.2


@pytest.mark.parametrize("imbalance", ["class_weights", "focal", "oversampling"])
def test_a_network_trains_under_every_remedy(imbalance, tmp_path):
    config = tiny.config(tmp_path, "gru", imbalance=imbalance, epochs=1.0, evaluations=1)
    fitted = fit(config, unbalanced(30, 90), tiny.reviews(60, seed=1), tmp_path / "work", Settings())
    steps = max(record["step"] for record in fitted.history)
    assert steps == (12 if imbalance == "oversampling" else 8)


@pytest.mark.parametrize("family", ["gru", "linear"])
@pytest.mark.parametrize("tuned", [True, False])
def test_a_validation_is_measured_at_the_threshold_that_comes_out(family, tuned, tmp_path):
    encoder = tiny.write_encoder(tmp_path / "encoder")
    config = tiny.config(encoder, family, tune_threshold=tuned, epochs=1.0, evaluations=1)
    validation = unbalanced(20, 60)
    fitted = fit(config, unbalanced(30, 90), validation, tmp_path / "work", Settings())
    logits = predict_logits(fitted, validation)
    decision = Decision.fitted(logits, validation.labels, tuned)
    wanted = evaluate(validation.labels, decision.calibration.probability(logits), decision.threshold)["macro_f1"]
    assert max(one.get("eval_macro_f1", 0) for one in fitted.history) == pytest.approx(wanted)


def test_the_threshold_is_the_one_of_the_highest_macro_f1():
    draw = np.random.default_rng(4)
    labels = (draw.random(300) < 0.9).astype(np.int64)
    probability = np.clip(0.55 + 0.35 * labels + draw.normal(0, 0.15, 300), 0, 1).astype(np.float32)
    threshold = fit_threshold(probability, labels)

    def score(at: float) -> float:
        return float(f1_score(labels, probability >= at, average="macro"))

    assert score(threshold) >= max(score(at) for at in np.linspace(0, 1, 101))
    assert score(threshold) > score(0.5) + 0.05


def test_the_threshold_stays_at_a_half_where_nothing_is_better():
    assert fit_threshold(np.array([0.1, 0.2, 0.8, 0.9], np.float32), np.array([0, 0, 1, 1])) == 0.5
    assert fit_threshold(np.array([0.7, 0.7], np.float32), np.array([1, 1])) == 0.5
    with pytest.raises(ContractError, match="a threshold needs reviews"):
        fit_threshold(np.array([]), np.array([]))


def test_a_threshold_parts_neighbouring_numbers_of_float32_as_it_was_chosen_to():
    lower = np.linspace(0.6, 0.9999, 500, dtype=np.float32)
    for pair in zip(lower, np.nextafter(lower, np.float32(1)), strict=True):
        given = np.array(pair, np.float32)
        assert (given >= fit_threshold(given, np.array([0, 1]))).tolist() == [False, True]
