"""A temperature makes confidence honest and leaves decisions alone."""

import numpy as np
import pytest

from sentiment.core.errors import ContractError
from sentiment.engine.calibration import Calibration, fit_platt, fit_temperature, logistic, positive_probability
from sentiment.evaluation.assessment import Decision
from sentiment.evaluation.metrics import evaluate, expected_calibration_error
from sentiment.training.config.train import TrainConfig


def overconfident(factor, count=20_000):
    """Logits whose odds are `factor` times too sharp for the labels drawn from them."""
    draw = np.random.default_rng(3)
    margins = draw.normal(0, 2, count)
    labels = (draw.random(count) < 1 / (1 + np.exp(-margins))).astype(np.int64)
    return np.stack([-margins / 2, margins / 2], 1).astype(np.float32) * factor, labels


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_finds_how_much_too_sharp_the_logits_are(factor):
    assert fit_temperature(*overconfident(factor)) == pytest.approx(factor, rel=0.05)


def test_calibration_error_falls_and_decisions_stay():
    logits, labels = overconfident(3.0)
    before, after = positive_probability(logits), Calibration(fit_temperature(logits, labels)).probability(logits)
    assert expected_calibration_error(labels, before) > 0.08
    assert expected_calibration_error(labels, after) < 0.02
    assert ((before >= 0.5) == (after >= 0.5)).all()


@pytest.mark.parametrize("reviews", [20, 200, 2_000])
def test_a_model_without_an_error_on_few_reviews_is_not_certain_of_all_others(reviews):
    labels = np.arange(reviews) % 2
    odds = np.where(labels == 1, 4.0, -4.0)
    logits = np.stack([-odds, odds], axis=1) / 2
    temperature = fit_temperature(logits, labels)
    # As sure as a class of so many without an error can be said to be: (n + 1) / (n + 2).
    surest = Calibration(temperature).probability(logits)[labels == 1]
    assert surest == pytest.approx((reviews / 2 + 1) / (reviews / 2 + 2), abs=1e-4)


def test_a_perfect_model_gets_a_finite_temperature():
    logits = np.array([[-50.0, 50.0], [50.0, -50.0]], np.float32)
    assert 0 < fit_temperature(logits, np.array([1, 0])) < 50


def test_probabilities_are_those_of_softmax_without_overflow():
    logits = np.array([[0, 0], [1, 3], [-1e4, 1e4], [1e4, -1e4]], np.float32)
    expected = [0.5, 1 / (1 + np.exp(-1)), 1, 0]
    assert Calibration(2.0).probability(logits) == pytest.approx(expected, abs=1e-6)
    assert positive_probability(np.empty((0, 2), np.float32)).shape == (0,)


def test_nothing_to_fit_on_is_said_in_a_sentence():
    with pytest.raises(ContractError, match="give the validation reviews"):
        fit_temperature(np.empty((0, 2)), np.array([]))
    with pytest.raises(ContractError, match="give the validation reviews"):
        Calibration.fitted(np.empty((0, 2)), np.array([]), with_bias=True)


def test_a_training_on_other_shares_of_the_classes_is_put_right_by_a_bias():
    logits, labels = overconfident(2.0)
    odds = logits[:, 1] - logits[:, 0] - 3.0  # as if negative reviews had weighed e^1.5 times as much
    moved = np.stack([-odds, odds], 1) / 2
    plain, found = (Calibration.fitted(moved, labels, with_bias=bias) for bias in (False, True))
    assert (found.temperature, found.bias) == pytest.approx((2.0, 1.5), rel=0.05)
    assert plain.bias == 0
    assert found.probability(moved).mean() == pytest.approx(labels.mean(), abs=0.002)
    assert abs(plain.probability(moved).mean() - labels.mean()) > 0.05
    before, after = (
        expected_calibration_error(labels, one) for one in (plain.probability(moved), found.probability(moved))
    )
    assert after < 0.02
    assert before > 0.1


def test_the_fit_agrees_with_a_logistic_regression_on_the_log_odds():
    from sklearn.linear_model import LogisticRegression

    logits, labels = overconfident(3.0)
    odds = (logits[:, 1] - logits[:, 0] + 1)[:, None]
    regression = LogisticRegression(C=np.inf).fit(odds, labels)
    temperature, bias = fit_platt(np.hstack([-odds, odds]) / 2, labels)
    assert (1 / temperature, bias) == pytest.approx((regression.coef_[0, 0], regression.intercept_[0]), abs=2e-3)


@pytest.mark.parametrize("labels", [[1, 0], [1, 1], [0, 0]])
def test_a_bias_stays_finite_whatever_the_labels(labels):
    temperature, bias = fit_platt(np.array([[-9.0, 9.0], [9.0, -9.0]]), np.array(labels))
    assert np.isfinite([temperature, bias]).all()
    assert temperature > 0


@pytest.mark.parametrize(
    ("options", "other_shares"),
    [
        ({}, False),
        ({"star_weight": 0.3, "title_share": 0.2, "augmentation": 0.3}, False),
        ({"imbalance": "oversampling"}, True),
        ({"mixed_snapshots": ("films",)}, True),
    ],
)
def test_a_training_that_saw_other_shares_of_the_classes_is_calibrated_with_a_bias(options, other_shares):
    assert TrainConfig(snapshot="phones", family="encoder", **options).weighted is other_shares


def test_calibration_changes_no_decision_unless_the_threshold_is_tuned():
    logits, labels = overconfident(2.0)
    moved = logits - np.array([[0.7, -0.7]], np.float32)
    untuned = Decision.fitted(moved, labels, tune=False, weighted=True)
    called = untuned.calibration.probability(moved) >= untuned.threshold
    assert (called == (positive_probability(moved) >= 0.5)).all()
    assert untuned.threshold == pytest.approx(logistic(np.float64(untuned.bias)))
    before = positive_probability(moved) >= untuned.uncalibrated_threshold
    assert (called == before).mean() > 0.9999
    tuned = Decision.fitted(moved, labels, tune=True, weighted=True)
    figures = [evaluate(labels, tuned.calibration.probability(moved), at)["macro_f1"] for at in (tuned.threshold, 0.5)]
    assert figures[0] >= figures[1]
