"""The figures of a model are scikit-learn's, under names that a product owner can read."""

import numpy as np
import pytest
from sklearn import metrics as reference

from sentiment.evaluation.metrics import evaluate, expected_calibration_error, fit_review_limit, review_figures
from sentiment.evaluation.plots import confusion_matrix, learning_curve

LABELS = np.array([0, 0, 0, 1, 1, 1, 1, 1])
PROBABILITY = np.array([0.1, 0.4, 0.8, 0.9, 0.7, 0.3, 0.95, 0.6])


def test_every_figure_agrees_with_scikit_learn():
    draw = np.random.default_rng(1)
    labels = draw.integers(0, 2, 500)
    probability = np.clip(labels * 0.3 + draw.random(500) * 0.7, 0, 1)
    figures, called = evaluate(labels, probability), (probability >= 0.5).astype(int)
    precision, recall, f1, _ = reference.precision_recall_fscore_support(labels, called)
    for index, name in enumerate(("negative", "positive")):
        assert figures[f"precision_{name}"] == pytest.approx(precision[index])
        assert figures[f"recall_{name}"] == pytest.approx(recall[index])
        assert figures[f"f1_{name}"] == pytest.approx(f1[index])
    assert figures["accuracy"] == pytest.approx(reference.accuracy_score(labels, called))
    assert figures["macro_f1"] == pytest.approx(reference.f1_score(labels, called, average="macro"))
    assert figures["roc_auc"] == pytest.approx(reference.roc_auc_score(labels, probability))
    assert figures["log_loss"] == pytest.approx(reference.log_loss(labels, np.clip(probability, 1e-7, 1 - 1e-7)))
    assert figures["brier"] == pytest.approx(reference.brier_score_loss(labels, probability))
    negatives = reference.average_precision_score(1 - labels, 1 - probability)
    assert figures["pr_auc_negatives"] == pytest.approx(negatives)


def test_a_negative_review_called_positive_is_a_false_negative_of_the_negatives():
    assert evaluate(LABELS, PROBABILITY)["false_negative_rate_negatives"] == pytest.approx(1 / 3)


def test_the_threshold_moves_decisions_and_not_the_ranking():
    strict, plain = evaluate(LABELS, PROBABILITY, threshold=0.85), evaluate(LABELS, PROBABILITY)
    assert strict["recall_positive"] == pytest.approx(2 / 5)
    assert strict["roc_auc"] == plain["roc_auc"]


def test_a_class_that_is_never_predicted_has_no_precision_and_no_warning(recwarn):
    figures = evaluate(LABELS, np.ones(8))
    assert figures["precision_negative"] == figures["f1_negative"] == 0
    assert not recwarn.list


def test_labels_of_one_class_have_no_ranking():
    figures = evaluate(np.ones(4, int), PROBABILITY[:4])
    assert np.isnan(figures["roc_auc"])
    assert np.isnan(figures["pr_auc_negatives"])
    assert figures["accuracy"] == 0.5


def test_a_model_that_is_sure_and_wrong_has_a_finite_log_loss():
    figures = evaluate(np.array([0, 1]), np.array([1.0, 0.0], np.float32))
    assert figures["log_loss"] == pytest.approx(-np.log(1e-7))
    assert figures["brier"] == 1


def test_no_reviews_have_the_same_figures_without_values():
    figures = evaluate(np.array([], int), np.array([]))
    assert list(figures) == list(evaluate(LABELS, PROBABILITY))
    assert all(np.isnan(value) for value in figures.values())


def test_calibration_error_is_the_gap_between_probability_and_share_of_positives():
    assert expected_calibration_error(np.array([1, 1, 1, 0]), np.full(4, 0.75)) == pytest.approx(0)
    assert expected_calibration_error(np.array([0, 0]), np.array([0.9, 0.9])) == pytest.approx(0.9)
    assert expected_calibration_error(np.array([0, 1]), np.array([0.0, 1.0])) == 0
    assert expected_calibration_error(np.array([1, 1, 0, 0]), np.array([0.9, 0.9, 0.1, 0.1])) == pytest.approx(0.1)


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.85])
def test_calibration_error_is_that_of_the_probabilities_wherever_the_threshold_lies(threshold):
    labels, probability = np.array([1, 0, 0, 0]), np.full(4, 0.25)
    assert evaluate(labels, probability, threshold)["ece"] == pytest.approx(0)
    assert evaluate(labels, probability + 0.3, threshold)["ece"] == pytest.approx(0.3)


def test_pictures_are_png_files(tmp_path):
    history = [{"step": 1, "loss": 0.7}, {"step": 2, "eval_loss": 0.5, "eval_macro_f1": 0.8}, {"step": 2, "epoch": 1}]
    drawn = [
        confusion_matrix(LABELS, PROBABILITY, tmp_path / "plots" / "confusion.png"),
        learning_curve(history, tmp_path / "curve.png"),
        learning_curve([], tmp_path / "empty.png"),
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)


SURE = np.array([0.99, 0.95, 0.95, 0.9, 0.8, 0.7, 0.6, 0.0], np.float32)
WRONG = np.array([0, 0, 1, 0, 0, 1, 1, 1], bool)


@pytest.mark.parametrize(
    ("wish", "limit", "looked_at"),
    [
        ({"error": 0.0}, 0.99, 7),
        ({"error": 0.2}, 0.8, 3),
        ({"error": 0.34}, 0.7, 2),
        ({"error": 0.5}, 0.6, 1),
        ({"share": 0.125}, 0.6, 1),
        ({"share": 0.5}, 0.9, 4),
        ({"share": 0.7}, 0.95, 5),
        ({"share": 0.0}, 0.6, 1),
    ],
)
def test_the_limit_of_review_keeps_to_what_was_wished_with_as_few_reviews_as_can_be(wish, limit, looked_at):
    found = fit_review_limit(SURE, WRONG, **wish)
    assert found == pytest.approx(limit)
    needs = np.float32(found) > SURE
    figures = review_figures(needs, WRONG)
    assert needs.sum() == looked_at
    assert figures["unreviewed_error"] <= wish.get("error", 1)


def test_where_no_limit_keeps_to_the_wish_all_are_looked_at():
    assert fit_review_limit(np.array([0.9, 0.8]), np.array([True, True]), error=0.1) == 1
    assert fit_review_limit(np.array([0.0, 0.0]), np.array([True, True]), share=0.5) == 1


@pytest.mark.parametrize("wish", [{"error": 0.29}, {"share": 0.29}])
def test_a_wish_that_is_a_whole_number_of_reviews_is_met_whole(wish):
    # 0.29 * 100 is 28.999999999999996.
    sure, wrong = np.linspace(0.99, 0.6, 100), np.arange(100) >= 71
    figures = review_figures(sure < fit_review_limit(sure, wrong, **wish), wrong)
    expected = {"review_share": 0.0, "unreviewed_error": 0.29} if "error" in wish else {"review_share": 0.29}
    assert expected.items() <= figures.items()


@pytest.mark.parametrize("wish", [{"error": 0.02}, {"share": 0.1}])
def test_a_wish_holds_on_the_reviews_that_it_was_fitted_on_and_about_on_others(wish):
    draw = np.random.default_rng(0)
    sure = draw.uniform(0.5, 1, (2, 20_000)).astype(np.float32)
    wrong = draw.random((2, 20_000)) > sure
    limit = fit_review_limit(sure[0], wrong[0], **wish)
    (here, there) = (review_figures(sure[at] < np.float32(limit), wrong[at]) for at in (0, 1))
    name, wished = ("unreviewed_error", 0.02) if "error" in wish else ("review_share", 0.1)
    assert here[name] <= wished
    assert there[name] == pytest.approx(wished, abs=0.01)
