"""The 95 % intervals are those of a plain bootstrap over products, or reviews, only faster."""

import tracemalloc

import numpy as np
import pytest

from sentiment.evaluation.intervals import drawn_over, intervals
from sentiment.evaluation.metrics import evaluate


def predictions(count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Labels of which a fifth is negative, and probabilities of two digits, so that many are tied."""
    draw = np.random.default_rng(seed)
    labels = (draw.random(count) < 0.8).astype(np.int64)
    return labels, np.clip(labels * 0.4 + draw.normal(0.3, 0.2, count), 0, 1).round(2)


@pytest.mark.parametrize("threshold", [0.5, 0.7])
def test_every_interval_is_that_of_measuring_resampled_reviews_one_by_one(threshold):
    labels, probability = predictions(40)
    order = np.argsort(probability, kind="stable")  # the order in which reviews are drawn
    labels, probability = labels[order], probability[order]
    draws = np.random.default_rng(5).integers(40, size=(60, 40))
    figures = [evaluate(labels[rows], probability[rows], threshold) for rows in draws]
    found = intervals(labels, probability, threshold, resamples=60, seed=5)
    assert list(found) == [name for name in evaluate(labels, probability) if name != "ece"]
    for name, ends in found.items():
        low, high = np.nanquantile([one[name] for one in figures], [0.025, 0.975])
        certain = np.allclose((low, high), 0) or np.allclose((low, high), 1)
        assert ends == pytest.approx((low, high)) or certain, name


def test_a_resample_without_a_class_does_not_count_for_the_figures_of_that_class():
    labels = np.array([0] + [1] * 39)
    found = intervals(labels, np.where(np.arange(40) < 3, 0.1, 0.9))  # the negative one is found, and two too many
    for name in ("recall_negative", "false_negative_rate_negatives", "macro_f1"):
        assert np.isfinite(found[name]).all(), name
    assert found["macro_f1"][0] > 0.5  # with a resample that lacks the negative one it would be half of this


def test_a_share_that_is_0_or_1_on_a_few_reviews_may_be_another_on_others():
    labels = np.array([0] * 25 + [1] * 375)
    found = intervals(labels, labels.astype(float))
    assert found["false_negative_rate_negatives"] == pytest.approx((0, 1.96**2 / (25 + 1.96**2)), abs=1e-4)
    for name, of in (("recall_negative", 25), ("precision_negative", 25), ("accuracy", 400), ("recall_positive", 375)):
        assert found[name] == pytest.approx((of / (of + 1.96**2), 1), abs=1e-4), name
    for name in ("macro_f1", "f1_negative", "f1_positive", "roc_auc", "pr_auc_negatives"):
        assert np.isnan(found[name]).all(), name


def test_an_interval_of_accuracy_is_about_as_wide_as_theory_says():
    labels, probability = predictions(12_000)
    accuracy = evaluate(labels, probability)["accuracy"]
    low, high = intervals(labels, probability)["accuracy"]
    assert low < accuracy < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(accuracy * (1 - accuracy) / 12_000), rel=0.1)


def test_every_interval_over_products_is_that_of_measuring_resampled_products_one_by_one():
    labels, probability = predictions(160)
    products = [f"B{row % 40:02}" for row in range(160)]
    of_product = np.arange(160) % 40
    draws = np.random.default_rng(5).integers(40, size=(60, 40))
    drawn = [np.concatenate([np.flatnonzero(of_product == product) for product in draw]) for draw in draws]
    figures = [evaluate(labels[rows], probability[rows]) for rows in drawn]
    found = intervals(labels, probability, resamples=60, seed=5, products=products)
    for name, ends in found.items():
        assert ends == pytest.approx(np.nanquantile([one[name] for one in figures], [0.025, 0.975])), name


def test_an_interval_is_wider_over_products_whose_reviews_are_alike():
    draw = np.random.default_rng(2)
    right = np.repeat(draw.random(200) < 0.8, 10)  # all ten reviews of a product, or none
    labels, products = np.ones(2_000, np.int64), np.repeat(np.arange(200), 10).astype(str).tolist()
    over_reviews, over_products = (
        intervals(labels, right.astype(float), products=given)["accuracy"] for given in (None, products)
    )
    widths = [high - low for low, high in (over_reviews, over_products)]
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(10), rel=0.1)


@pytest.mark.parametrize(
    ("products", "over"),
    [(40, "products"), (29, "reviews"), (1, "reviews"), (100, "reviews")],
    ids=["several each", "too few", "one", "a review each, as where nobody knows them"],
)
def test_products_are_drawn_where_there_are_enough_of_several_reviews(products, over):
    labels, probability = predictions(100)
    given = [f"B{row % products}" for row in range(100)]
    assert drawn_over(given) == over
    same = intervals(labels, probability, products=given) == intervals(labels, probability)
    assert same is (over == "reviews")


def test_every_figure_lies_in_its_interval_and_the_seed_fixes_the_ends():
    labels, probability = predictions(3_000)
    figures, found = evaluate(labels, probability), intervals(labels, probability)
    assert all(low < figures[name] < high for name, (low, high) in found.items())
    assert found == intervals(labels, probability)
    assert found != intervals(labels, probability, seed=1)


def test_labels_of_one_class_have_no_interval_of_ranking_and_of_the_class_that_is_not_there():
    found = intervals(np.ones(30, np.int64), np.linspace(0.3, 0.9, 30))
    undefined = {name for name, ends in found.items() if np.isnan(ends).any()}
    of_negatives = {"recall_negative", "f1_negative", "false_negative_rate_negatives"}
    assert undefined == {"roc_auc", "pr_auc_negatives", "macro_f1"} | of_negatives


def test_no_reviews_have_no_intervals():
    found = intervals(np.array([], np.int64), np.array([]))
    assert found.keys() == intervals(*predictions(10)).keys()
    assert np.isnan(list(found.values())).all()


def test_calibration_error_has_no_interval_because_resampling_only_makes_it_larger():
    labels, probability = predictions(300)
    probability = np.where(probability >= 0.5, labels[probability >= 0.5].mean(), labels[probability < 0.5].mean())
    assert evaluate(labels, probability)["ece"] == pytest.approx(0, abs=1e-9)
    assert "ece" not in intervals(labels, probability)


def test_a_product_of_an_endless_name_costs_no_more_than_any_other():
    labels, probability = predictions(400)
    products = [f"P{number // 4:03}" for number in range(400)]
    endless = [f"{product}{'x' * 200_000 if product == 'P050' else ''}" for product in products]
    expected = intervals(labels, probability, resamples=20, products=products)
    tracemalloc.start()
    assert intervals(labels, probability, resamples=20, products=endless) == expected
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
