"""A temperature makes confidence honest and leaves decisions alone."""

import numpy as np
import pytest

from sentiment.core.errors import ContractError
from sentiment.engine.calibration import fit_temperature, positive_probability
from sentiment.evaluation.metrics import expected_calibration_error


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
    before, after = positive_probability(logits), positive_probability(logits, fit_temperature(logits, labels))
    assert expected_calibration_error(labels, before) > 0.08
    assert expected_calibration_error(labels, after) < 0.02
    assert ((before >= 0.5) == (after >= 0.5)).all()


def test_a_perfect_model_gets_a_finite_temperature():
    logits = np.array([[-50.0, 50.0], [50.0, -50.0]], np.float32)
    assert 0 < fit_temperature(logits, np.array([1, 0])) < 50


def test_probabilities_are_those_of_softmax_without_overflow():
    logits = np.array([[0, 0], [1, 3], [-1e4, 1e4], [1e4, -1e4]], np.float32)
    expected = [0.5, 1 / (1 + np.exp(-1)), 1, 0]
    assert positive_probability(logits, 2.0) == pytest.approx(expected, abs=1e-6)
    assert positive_probability(np.empty((0, 2), np.float32)).shape == (0,)


def test_nothing_to_fit_on_is_said_in_a_sentence():
    with pytest.raises(ContractError, match="give the validation reviews"):
        fit_temperature(np.empty((0, 2)), np.array([]))
