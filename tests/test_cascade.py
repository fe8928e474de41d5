"""The gate answers what it is sure of, costs no accuracy, and leaves the rest to the network."""

import itertools

import numpy as np
import pytest

import tiny
from sentiment.engine.bundle import GateRule, read_bundle
from sentiment.engine.calibration import logistic
from sentiment.engine.cascade import Gate, sure
from sentiment.engine.features import bigram_buckets, unigram_buckets
from sentiment.engine.scorer import Scorer
from sentiment.export.cascade import BothOdds, fit_rule, gate_figures
from sentiment.training.cascade import fit_gate

BUCKETS = 2**12
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


def judged(reviews=4000, gate_errors=0.06, seed=0):
    """Network and gate that err independently; the gate errs where it is least sure."""
    draw = np.random.default_rng(seed)
    labels = (draw.random(reviews) < 0.8).astype(np.int64)
    sides = np.where(labels == 1, 1.0, -1.0)
    network = sides * draw.normal(4, 2.2, reviews)
    gate = sides * draw.normal(3, 3 / -_normal_quantile(gate_errors), reviews)
    return BothOdds(network, gate, labels, 0.5)


def _normal_quantile(share):
    from statistics import NormalDist

    return NormalDist().inv_cdf(share)


def test_the_cascade_is_never_worse_than_the_network_where_the_rule_was_fitted():
    reviews = judged()
    rule, figures = fit_rule(reviews, temperature=2.0)
    assert rule is not None
    assert figures["gate_share"] > 0.5
    assert figures["cascade_accuracy"] >= figures["alone_accuracy"]
    assert figures["cascade_macro_f1"] >= figures["alone_macro_f1"]
    assert figures["cascade_recall_negative"] >= figures["alone_recall_negative"]
    again = gate_figures(reviews, rule, temperature=2.0)
    assert again == {name: figures[name] for name in again}


def test_a_gate_that_knows_nothing_answers_hardly_anything():
    reviews = judged()
    noise = BothOdds(reviews.network, np.random.default_rng(2).normal(0, 3, 4000), reviews.labels, 0.5)
    rule, figures = fit_rule(noise, temperature=1.0)
    assert figures["gate_share"] < 0.02
    assert rule is None or figures["cascade_accuracy"] >= figures["alone_accuracy"]


def test_where_the_gate_is_sure_both_sides_count():
    assert sure(np.array([0.0, 0.1, 0.11, 0.5, 0.89, 0.9, 1.0]), RULE).tolist() == [
        True,
        True,
        *[False] * 3,
        True,
        True,
    ]


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
    gated = sure(logistic(odds / rule.temperature), rule)
    answers = scorer.answer(reviews.titles, reviews.texts)
    assert answers.decided_by.tolist() == ["gate" if one else "encoder" for one in gated]
    assert answers.positive_probability[gated] == pytest.approx(logistic(odds / rule.temperature)[gated])
    network = scorer.logits(reviews.titles, reviews.texts)
    both = logistic(rule.encoder_weight * (network[:, 1] - network[:, 0]) + rule.gate_weight * odds)
    # What a review is batched with moves int8 a little.
    assert answers.positive_probability[~gated] == pytest.approx(both[~gated], abs=0.05)
    assert ((answers.positive_probability >= 0.5) == reviews.labels).mean() > 0.95
    assert set(alone.answer(reviews.titles, reviews.texts).decided_by) == {"encoder"}
