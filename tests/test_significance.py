"""What is beyond chance: tests that agree with their definitions, and verdicts that follow them."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from scipy import stats

from sentiment.core.errors import ContractError
from sentiment.evaluation.metrics import decision_figures, decisions
from sentiment.evaluation.predictions import Predictions, read_predictions, write_predictions
from sentiment.evaluation.repetition import corrected_t_over_folds, in_words, paired_t_over_seeds
from sentiment.evaluation.results import Difference, Disagreement
from sentiment.evaluation.significance import (
    alone_right,
    bonferroni,
    compare_all,
    mcnemar,
    not_inferior,
    paired_bootstrap,
)


def labels_of(count: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random(count) < 0.7).astype(np.int64)


def answers(labels: np.ndarray, accuracy: float, seed: int) -> np.ndarray:
    """Return probabilities of a model that is right on a random share of the reviews."""
    right = np.random.default_rng(seed).random(len(labels)) < accuracy
    return np.where(right == (labels == 1), 0.9, 0.1)


def flags(both: int, only_a: int, only_b: int) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat([True, True, False], [both, only_a, only_b]), np.repeat(
        [True, False, True], [both, only_a, only_b]
    )


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 1), (3, 9), (12, 12), (20, 4)])
def test_few_disagreements_are_tested_by_the_binomial_distribution(only_a, only_b):
    found = mcnemar(*flags(100, only_a, only_b))
    assert (found.only_a, found.only_b) == (only_a, only_b)
    assert found.p_value == pytest.approx(stats.binomtest(only_a, only_a + only_b).pvalue)


def test_many_disagreements_are_tested_by_chi_squared_with_continuity_correction():
    found = mcnemar(*flags(1_000, 80, 50))
    assert found.p_value == pytest.approx(stats.chi2.sf((80 - 50 - 1) ** 2 / 130, 1))


def test_models_that_are_right_on_the_same_reviews_do_not_differ():
    assert mcnemar(*flags(10, 0, 0)).p_value == 1


def test_a_model_does_not_differ_from_itself():
    labels = labels_of(500)
    same = answers(labels, 0.9, 1)
    found = paired_bootstrap(labels, same, same)
    assert (found.difference, found.p_value) == (0, 1)
    assert -0.02 < found.low <= 0 <= found.high < 0.02


@pytest.mark.parametrize("figure", ["macro_f1", "accuracy", "recall_negative"])
def test_the_paired_bootstrap_is_that_over_reviews(figure):
    labels = labels_of(300)
    a, b = answers(labels, 0.92, 1), answers(labels, 0.88, 2)
    found = paired_bootstrap(labels, a, b, figure)

    def difference(rows: np.ndarray) -> float:
        of_a, of_b = (decision_figures(decisions(labels[rows], one[rows]))[figure] for one in (a, b))
        return of_a - of_b

    assert found.difference == pytest.approx(difference(np.arange(300)))
    one_by_one = [difference(rows) for rows in np.random.default_rng(3).integers(300, size=(4_000, 300))]
    assert (found.low, found.high) == pytest.approx(np.quantile(one_by_one, [0.025, 0.975]), abs=0.006)


def test_each_model_is_judged_at_its_own_threshold():
    labels = labels_of(200)
    sharp = np.where(labels == 1, 0.9, 0.8)
    found = paired_bootstrap(labels, sharp, sharp, "accuracy", thresholds=(0.85, 0.5))
    assert found.difference == pytest.approx((labels == 0).mean())


def test_of_models_that_are_equally_good_about_one_in_twenty_pairs_differs():
    labels = labels_of(400)
    p_values = [
        paired_bootstrap(
            labels, answers(labels, 0.9, seed), answers(labels, 0.9, 1_000 + seed), resamples=1_000
        ).p_value
        for seed in range(200)
    ]
    assert 0.01 <= np.mean(np.array(p_values) < 0.05) <= 0.10


def test_runs_are_paired_by_seed():
    a, b = [0.91, 0.93, 0.92, 0.95], [0.90, 0.92, 0.915, 0.93]
    found = paired_t_over_seeds(a, b)
    expected = stats.ttest_rel(a, b)
    assert found.difference == pytest.approx(0.01125)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    # By hand: the differences 10, 10, 5 and 20 thousandths have mean 11.25 and standard deviation 6.2915.
    assert found.effect == pytest.approx(11.25 / 6.2915, abs=1e-4)
    assert found.wilcoxon_p is None


def test_from_six_seeds_on_ranks_are_tested_as_well():
    # Six differences of one sign: of the 64 ways to give signs to ranks two are as far out.
    assert paired_t_over_seeds([0.91, 0.92, 0.93, 0.94, 0.95, 0.97], [0.90] * 6).wilcoxon_p == pytest.approx(2 / 64)
    # Wilcoxon: Individual Comparisons by Ranking Methods, 1945, table I: eight differences, T = 5 of 36.
    differences = [16, 8, 13, -5, 9, 3, 10, 7]
    found = paired_t_over_seeds(differences, [0] * 8).wilcoxon_p
    at_most_2 = 3  # rank sums of at most 2, the rank of -5: those of no rank, of rank 1, of rank 2
    assert found == pytest.approx(2 * at_most_2 / 2**8)


def test_training_without_chance_proves_nothing_by_being_repeated(recwarn):
    found = paired_t_over_seeds([0.92] * 7, [0.90] * 7)
    assert (found.p_value, found.effect, found.wilcoxon_p) == (1, None, None)
    assert not recwarn.list


@pytest.mark.parametrize(("a", "b"), [([0.9], [0.8]), ([0.9, 0.8], [0.8]), ([], [])])
def test_a_t_test_asks_for_two_pairs(a, b):
    with pytest.raises(ContractError, match="needs two trainings or more a candidate, in pairs"):
        paired_t_over_seeds(a, b)


def test_folds_are_tested_as_published():
    # scikit-learn's "Statistical comparison of models using grid search": ten times ten folds, t = 2.611 uncorrected,
    # 0.750 corrected, one-sided p = 0.227.
    noise = np.random.default_rng(0).normal(size=100)
    noise = (noise - noise.mean()) / noise.std(ddof=1)
    differences = 2.611 / np.sqrt(100) + noise
    assert stats.ttest_1samp(differences, 0).statistic == pytest.approx(2.611)
    found = corrected_t_over_folds(differences, np.zeros(100), test_reviews=31, train_reviews=279)
    assert found.p_value == pytest.approx(2 * 0.2275, abs=0.001)
    assert stats.t.isf(found.p_value / 2, 99) == pytest.approx(0.750, abs=0.001)


def test_the_corrected_test_of_five_folds_is_that_of_the_formula():
    # Differences 1, 2, 3, 4, 5 hundredths: mean 3, variance 2.5; t = 3 / sqrt((1/5 + 1/4) 2.5) = 2.8284 on 4 degrees.
    found = corrected_t_over_folds([0.91, 0.92, 0.93, 0.94, 0.95], [0.9] * 5, test_reviews=400, train_reviews=1_600)
    assert found.p_value == pytest.approx(2 * stats.t.sf(2.8284271, 4))
    assert found.p_value > stats.ttest_rel([1, 2, 3, 4, 5], [0] * 5).pvalue
    assert (found.low, found.high) == pytest.approx(
        (0.03 - 2.776445 * 0.0106066, 0.03 + 2.776445 * 0.0106066), abs=1e-7
    )


def test_words_name_the_better_way_first_and_say_whether_it_is_chance():
    found = paired_t_over_seeds([0.90, 0.91, 0.92], [0.95, 0.97, 0.96])
    said = in_words(("gru", "linear"), found, 0.03, ("seeds", "paired t-test"), 0.05)
    assert said.startswith("As ways of training, over 3 seeds, linear beats gru: macro F1 +0.0500, 95 % interval +0.0")
    assert said.endswith("the differences; p = 0.0300 by paired t-test, corrected for the pairs")
    assert "5.0 standard deviations of the differences" in said
    said = in_words(("gru", "linear"), found, 0.05, ("seeds", "paired t-test"), 0.05)
    assert "over 3 seeds, linear and gru do not differ beyond chance" in said


@pytest.mark.parametrize(
    ("difference", "low", "margin", "kept"),
    [
        (-0.0015, -0.03, 0.002, False),
        (-0.0015, -0.0019, 0.002, True),
        (0.01, -0.011, 0.01, False),
        (0.0, -0.01, 0.01, True),
    ],
)
def test_equal_is_what_the_intervals_end_allows_and_not_the_estimate(difference, low, margin, kept):
    assert not_inferior(Difference(difference, low, 0.05, 0.9), margin) is kept


def test_the_effect_is_told_as_reviews_that_one_alone_has_right():
    assert alone_right(Disagreement(118, 37, 1e-10)) == "alone right on 118 reviews against 37, 3.2 to 1"
    assert alone_right(Disagreement(5, 0, 0.1)) == "alone right on 5 reviews against 0"


def test_p_values_are_multiplied_by_how_many_there_are():
    assert bonferroni([0.01, 0.2, 0.5]) == pytest.approx([0.03, 0.6, 1])
    assert bonferroni([]) == []


def candidates(**probabilities: np.ndarray) -> dict[str, Predictions]:
    labels = labels_of(2_000)
    keys = [str(row) for row in range(2_000)]
    return {name: Predictions(keys, labels, probability) for name, probability in probabilities.items()}


def test_every_pair_has_a_row_and_a_sentence_that_names_the_winner_first():
    labels = labels_of(2_000)
    good = answers(labels, 0.95, 1)
    rows = compare_all(candidates(poor=answers(labels, 0.85, 2), good=good, twin=good))
    assert [(row.a, row.b, row.winner, row.equal) for row in rows] == [
        ("poor", "good", "good", False),
        ("poor", "twin", "twin", False),
        ("good", "twin", None, True),
    ]
    lost = rows[0]
    assert lost.low < lost.difference < lost.high < 0
    assert lost.verdict.startswith("On these 2,000 test reviews good beats poor: macro F1 +0.")
    assert f"alone right on {lost.only_b_right} reviews against {lost.only_a_right}" in lost.verdict
    assert lost.verdict.endswith("by McNemar, corrected for 3 comparisons")
    assert "good and twin do not differ beyond chance and are equal within 0.01: macro F1 +0.0000" in rows[2].verdict
    assert lost.bootstrap_p_corrected == pytest.approx(3 * lost.bootstrap_p)


def test_a_narrow_win_of_one_pair_is_none_among_many():
    labels = labels_of(2_000)
    best = answers(labels, 0.90, 1)
    second = best.copy()
    wrong = np.flatnonzero((best >= 0.5) == labels)[:7]
    second[wrong] = 1 - second[wrong]
    alone = compare_all(candidates(best=best, second=second))[0]
    assert alone.winner == "best"
    others = {f"other{seed}": answers(labels, 0.9, seed) for seed in (2, 3)}
    assert compare_all(candidates(best=best, second=second, **others))[0].winner is None


@pytest.mark.parametrize(
    ("significance", "winner", "said"),
    [
        (0.0005, "best", "best beats other1: "),  # ten thousand resamples tell three pairs no p-value below 0.0006
        (0.000001, None, "; of 200,000 resamples none can be significant then: compare fewer candidates"),
    ],
)
def test_the_best_by_far_wins_however_strict_the_correction_or_it_is_said_that_nobody_can(significance, winner, said):
    labels = labels_of(2_000)
    others = {f"other{seed}": answers(labels, 0.8, seed) for seed in (1, 2)}
    found = compare_all(candidates(best=answers(labels, 0.98, 3), **others), significance=significance)[0]
    assert found.winner == winner
    assert said in found.verdict


@pytest.mark.parametrize(
    ("margin", "standing"),
    [
        (0.2, "a and b do not differ beyond chance and are equal within 0.2:"),
        (0.02, "a and b do not differ beyond chance, and b is not worse than a by more than 0.02:"),
        (0.001, "a and b do not differ beyond chance, nor are they shown to be equal within 0.001:"),
    ],
)
def test_without_a_winner_a_verdict_says_what_is_known(margin, standing):
    labels = labels_of(2_000)
    said = compare_all(candidates(a=answers(labels, 0.90, 1), b=answers(labels, 0.905, 4)), margin=margin)[0]
    assert said.winner is None
    assert standing in said.verdict, said


def test_predictions_on_other_reviews_are_refused():
    one = candidates(a=np.full(2_000, 0.9))
    other = Predictions(["x"], np.array([1]), np.array([0.9]))
    with pytest.raises(ContractError, match=r"a and b were tested on different reviews \(2000 and 1\); train both on"):
        compare_all({**one, "b": other})


def test_predictions_come_back_as_they_were_written(tmp_path):
    path = write_predictions(
        tmp_path / "new" / "predictions.parquet", ["b", "a"], np.array([1, 0]), np.array([0.7, 0.2])
    )
    found = read_predictions(path)
    assert found.keys == ["b", "a"]
    assert found.labels.tolist() == [1, 0]
    assert found.positive_probability.tolist() == pytest.approx([0.7, 0.2])
    types = {field.name: str(field.type) for field in parquet.read_schema(path)}
    assert types == {"review_key": "string", "label": "int8", "positive_probability": "float"}


def test_a_file_of_other_columns_is_refused(tmp_path):
    parquet.write_table(pa.table({"key": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(ContractError, match=r"other.parquet has the columns \['key'\]"):
        read_predictions(tmp_path / "other.parquet")
