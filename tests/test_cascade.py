"""The gate answers what it is sure of, costs no accuracy, and leaves the rest to the network."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import tiny
from sentiment.engine.bundle import Bundle, GateRule, Thresholds, read_bundle
from sentiment.engine.calibration import logistic
from sentiment.engine.cascade import Gate, sure
from sentiment.engine.features import bigram_buckets, unigram_buckets
from sentiment.engine.scorer import Scorer
from sentiment.evaluation.assessment import Decision
from sentiment.evaluation.metrics import expected_calibration_error
from sentiment.export.cascade import BothOdds, fit_rule
from sentiment.training.cascade import fit_gate

BUCKETS = 2**12
PLAIN = Decision(1.0, 0.5)
RULE = GateRule(temperature=1.0, negative_below=0.1, positive_from=0.9, encoder_weight=1.0, gate_weight=0.5)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The bundle of a tiny encoder, which has a gate."""
    return tiny.write_bundle(tmp_path_factory.mktemp("gated"), "encoder")


def random_ids(count, seed=0):
    draw = np.random.default_rng(seed)
    return [draw.integers(5, 300, draw.integers(0, 30)) for _ in range(count)]


def test_log_odds_are_the_sum_over_all_appearances_divided_by_their_length():
    draw = np.random.default_rng(1)
    gate = Gate(draw.normal(size=BUCKETS).astype(np.float32), draw.uniform(1, 4, BUCKETS).astype(np.float32), 0.3)
    reviews = [*random_ids(20), np.array([7]), np.array([], np.int64), np.array([7, 7, 7])]
    expected = []
    for ids in reviews:
        features = [int(unigram_buckets(token, BUCKETS)) for token in ids]
        features += [int(bigram_buckets(left, right, BUCKETS)) for left, right in itertools.pairwise(ids)]
        length = np.sqrt(max(sum(gate.energies[bucket] for bucket in features), 1e-12))
        expected.append(sum(gate.weights[bucket] for bucket in features) / length + 0.3)
    assert gate.log_odds(reviews) == pytest.approx(expected, abs=1e-4)
    assert gate.log_odds([]).shape == (0,)
    assert gate.log_odds([np.array([], np.int64)]) == pytest.approx([0.3])


def test_a_review_has_the_same_log_odds_whatever_stands_beside_it():
    gate = fit_gate(random_ids(200), np.arange(200) % 2, seed=0, buckets=BUCKETS)
    reviews = random_ids(30, seed=5)
    together = gate.log_odds(reviews)
    assert together == pytest.approx(np.array([gate.log_odds([ids])[0] for ids in reviews]), abs=1e-6)


def test_fitting_learns_which_words_tell_a_label():
    train, test = tiny.reviews(400), tiny.reviews(100, seed=3)
    vocabulary = {word: 5 + at for at, word in enumerate(sorted(set(" ".join(train.texts).lower().split())))}
    ids = [np.array([vocabulary.get(word, 4) for word in text.lower().split()]) for text in [*train.texts, *test.texts]]
    gate = fit_gate(ids[:400], train.labels, seed=0, buckets=BUCKETS)
    odds = gate.log_odds(ids[400:])
    assert ((odds > 0) == (test.labels == 1)).mean() > 0.9


def test_a_word_weighs_by_how_many_reviews_have_it_and_one_of_a_single_review_not_at_all():
    reviews = [np.array([7, 8]), np.array([8]), np.array([7, 7]), np.array([7]), np.array([9])]
    gate = fit_gate(reviews, np.array([1, 0, 1, 1, 0]), seed=0, buckets=BUCKETS)
    often, rarely, once = (int(unigram_buckets(token, BUCKETS)) for token in (7, 8, 9))
    # The smoothed inverse document frequency: ln((1 + 5 reviews) / (1 + those with the word)) + 1.
    assert gate.energies[often] == pytest.approx((np.log(6 / 4) + 1) ** 2)
    assert gate.energies[rarely] == pytest.approx((np.log(6 / 3) + 1) ** 2)
    assert (gate.weights[once], gate.energies[once]) == (0, 0)
    assert gate.weights[often] > 0 > gate.weights[rarely]


def test_a_gate_survives_its_file(tmp_path):
    gate = fit_gate(random_ids(100), np.arange(100) % 2, seed=0, buckets=BUCKETS)
    gate.save(tmp_path)
    assert (Gate.load(tmp_path).log_odds(random_ids(9)) == gate.log_odds(random_ids(9))).all()


def judged(reviews=4000, gate_errors=0.06, seed=0, decision=PLAIN):
    """Network and gate that err independently; the gate errs where it is least sure."""
    draw = np.random.default_rng(seed)
    labels = (draw.random(reviews) < 0.8).astype(np.int64)
    sides = np.where(labels == 1, 1.0, -1.0)
    network = sides * draw.normal(4, 2.2, reviews)
    gate = sides * draw.normal(3, 3 / -_normal_quantile(gate_errors), reviews)
    return BothOdds(network, gate, labels, np.full(reviews, True), decision)


def _normal_quantile(share):
    from statistics import NormalDist

    return NormalDist().inv_cdf(share)


def test_the_cascade_is_never_worse_than_the_network_where_the_rule_was_fitted():
    reviews = judged()
    rule, figures = fit_rule(reviews)
    assert rule is not None
    assert figures["gate_share"] > 0.5
    assert figures["cascade_accuracy"] >= figures["alone_accuracy"]
    assert figures["cascade_macro_f1"] >= figures["alone_macro_f1"]
    assert figures["cascade_recall_negative"] >= figures["alone_recall_negative"]
    probability, gated = reviews.pair(rule)
    again = reviews.figures(probability, rule.thresholds.positive)
    assert again == {name: figures[f"cascade_{name}"] for name in again}
    assert gated.mean() == figures["gate_share"]


def test_a_gate_that_knows_nothing_answers_hardly_anything():
    reviews = judged()
    noise = replace(reviews, gate=np.random.default_rng(2).normal(0, 3, 4000))
    rule, figures = fit_rule(noise)
    assert figures["gate_share"] < 0.02
    assert rule is None or figures["cascade_accuracy"] >= figures["alone_accuracy"]


def shifted(seed):
    """A network that was trained with weights, so that its best threshold is far from the gate's 0.5."""
    reviews = judged(seed=seed)
    moved = replace(reviews, network=reviews.network - 3)
    logits = np.stack([-moved.network, moved.network], 1) / 2
    return moved, logits


@pytest.mark.parametrize("weighted", [True, False])
def test_a_tuned_threshold_is_tuned_for_gate_and_network_together(weighted):
    moved, logits = shifted(seed=1)
    of_network = Decision.fitted(logits, moved.labels, tune=True, weighted=weighted)
    reviews, others = (replace(one, decision=of_network) for one in (moved, shifted(seed=2)[0]))
    rule, figures = fit_rule(reviews)
    assert figures["gate_share"] > 0.3
    (pair, _), (of_others, _) = reviews.pair(rule), others.pair(rule)
    own, taken_over = (reviews.figures(pair, at)["macro_f1"] for at in (rule.thresholds.positive, of_network.threshold))
    assert own >= reviews.figures(pair, 0.5)["macro_f1"]
    assert own >= taken_over
    assert others.figures(of_others, rule.thresholds.positive)["macro_f1"] > 0.95


def test_a_threshold_that_is_not_tuned_stays_the_networks():
    rule, _ = fit_rule(judged())
    assert rule.thresholds.positive == 0.5
    costly = Decision(1.0, 0.73, bias=1.0)
    rule, _ = fit_rule(judged(decision=costly))
    assert rule is None or rule.thresholds.positive == 0.73


def test_what_the_gate_leaves_has_the_probabilities_that_come_true():
    reviews, others = judged(reviews=8000, gate_errors=0.1), judged(reviews=8000, gate_errors=0.1, seed=5)
    rule, _ = fit_rule(reviews)
    probability, gated = others.pair(rule)
    assert 0.2 < gated.mean() < 0.95
    for rows in (gated, ~gated):
        assert expected_calibration_error(others.labels[rows], probability[rows]) < 0.03


def test_a_bundle_of_before_decides_with_and_without_its_gate_by_one_threshold():
    before = Bundle(family="encoder", max_length=9, head_share=0.5, thresholds=Thresholds(positive=0.8), gate=RULE)
    assert before.thresholds_of(cascade=True) == before.thresholds_of(cascade=False) == before.thresholds
    own = RULE.model_copy(update={"thresholds": Thresholds(positive=0.4)})
    now = before.model_copy(update={"gate": own})
    assert now.thresholds_of(cascade=True).positive == 0.4
    assert now.thresholds_of(cascade=False).positive == 0.8


def test_where_the_gate_is_sure_both_sides_count_and_only_what_is_known():
    probability = np.array([0.0, 0.1, 0.11, 0.5, 0.89, 0.9, 1.0])
    assert sure(probability, np.full(7, True), RULE).tolist() == [True, True, *[False] * 3, True, True]
    assert not sure(probability, np.full(7, False), RULE).any()


def test_a_networks_bundle_has_a_gate_and_says_how_much_it_answers(bundle):
    description = read_bundle(bundle)
    assert description.gate is not None
    assert 0 < description.metrics["gate_share"] <= 1
    assert description.metrics["cascade_accuracy"] >= description.metrics["alone_accuracy"]


def test_a_review_is_decided_by_the_gate_where_it_is_sure_and_else_by_both(bundle):
    reviews = tiny.reviews(150, seed=8)
    scorer, alone = Scorer.load(bundle), Scorer.load(bundle, cascade=False)
    rule, tokens = scorer.bundle.gate, scorer._tokenizer.whole(reviews.titles, reviews.texts)
    odds = Gate.load(bundle).log_odds(tokens)
    gated = sure(logistic(odds / rule.temperature), np.full(150, True), rule)
    answers = scorer.answer(reviews.titles, reviews.texts)
    assert answers.decided_by.tolist() == ["gate" if one else "encoder" for one in gated]
    assert answers.positive_probability[gated] == pytest.approx(logistic(odds / rule.temperature)[gated])
    network = scorer.logits(reviews.titles, reviews.texts)
    both = logistic(rule.encoder_weight * (network[:, 1] - network[:, 0]) + rule.gate_weight * odds + rule.bias)
    # What a review is batched with moves int8 a little.
    assert answers.positive_probability[~gated] == pytest.approx(both[~gated], abs=0.05)
    assert ((answers.positive_probability >= 0.5) == reviews.labels).mean() > 0.95
    assert set(alone.answer(reviews.titles, reviews.texts).decided_by) == {"encoder"}
