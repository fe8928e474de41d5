"""The gate answers what it is sure of, costs no accuracy, and leaves the rest to the network."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import tiny
from sentiment.engine.bundle import Bundle, Depth, GateRule, Thresholds, read_bundle
from sentiment.engine.calibration import logistic
from sentiment.engine.cascade import Gate, Reading, sure
from sentiment.engine.features import bigram_buckets, unigram_buckets
from sentiment.engine.scorer import Scorer
from sentiment.evaluation.assessment import Decision
from sentiment.evaluation.metrics import expected_calibration_error
from sentiment.export.cascade import BothOdds, Stress, fit_rule
from sentiment.export.stress import FITTED_ON, JUDGED_ON, stress_texts
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
    assert gate.read(reviews).log_odds == pytest.approx(expected, abs=1e-4)
    assert gate.read([]).log_odds.shape == (0,)
    assert gate.read([np.array([], np.int64)]).log_odds == pytest.approx([0.3])


def test_a_review_has_the_same_log_odds_whatever_stands_beside_it():
    gate = fit_gate(random_ids(200), np.arange(200) % 2, seed=0, buckets=BUCKETS)
    reviews = random_ids(30, seed=5)
    together, apart = gate.read(reviews), [gate.read([ids]) for ids in reviews]
    for name in ("log_odds", "evidence", "tokens", "familiar"):
        one_by_one = np.concatenate([getattr(one, name) for one in apart])
        assert getattr(together, name) == pytest.approx(one_by_one, abs=1e-6)


def test_a_reading_says_how_much_there_was_to_go_by():
    reviews = [np.array([7, 8, 9]), np.array([7, 8, 9]), np.array([8, 9])]
    gate = fit_gate(reviews, np.array([1, 1, 0]), seed=0, buckets=BUCKETS)
    read = gate.read([np.array([7, 8, 9]), np.array([9, 8, 7, 8]), np.array([7]), np.array([], np.int64)])
    assert read.tokens.tolist() == [3, 4, 1, 0]
    assert read.familiar == pytest.approx([1, 1 / 3, 0, 0])
    assert read.evidence == pytest.approx(np.abs(read.log_odds - gate.intercept), abs=1e-6)
    assert read.evidence[3] == 0


def test_fitting_learns_which_words_tell_a_label():
    train, test = tiny.reviews(400), tiny.reviews(100, seed=3)
    vocabulary = {word: 5 + at for at, word in enumerate(sorted(set(" ".join(train.texts).lower().split())))}
    ids = [np.array([vocabulary.get(word, 4) for word in text.lower().split()]) for text in [*train.texts, *test.texts]]
    gate = fit_gate(ids[:400], train.labels, seed=0, buckets=BUCKETS)
    odds = gate.read(ids[400:]).log_odds
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
    assert (Gate.load(tmp_path).read(random_ids(9)).log_odds == gate.read(random_ids(9)).log_odds).all()


def judged(reviews=4000, gate_errors=0.06, seed=0, decision=PLAIN):
    """Network and gate that err independently; the gate errs where it is least sure."""
    draw = np.random.default_rng(seed)
    labels = (draw.random(reviews) < 0.8).astype(np.int64)
    sides = np.where(labels == 1, 1.0, -1.0)
    network = sides * draw.normal(4, 2.2, reviews)
    gate = sides * draw.normal(3, 3 / -_normal_quantile(gate_errors), reviews)
    return BothOdds(network, reading(gate), labels, np.full(reviews, True), decision)


def reading(log_odds, tokens=60, familiar=0.9, intercept=0.0):
    """What a gate would read of texts that are all as long and as familiar."""
    count = len(log_odds)
    return Reading(log_odds, np.abs(log_odds - intercept), np.full(count, tokens), np.full(count, familiar))


NO_STRESS = Stress({}, reading(np.empty(0)))


def fitted(texts, stress=NO_STRESS):
    return fit_rule(texts, stress, window=128)


def _normal_quantile(share):
    from statistics import NormalDist

    return NormalDist().inv_cdf(share)


def test_the_cascade_is_never_worse_than_the_network_where_the_rule_was_fitted():
    reviews = judged()
    rule, figures = fitted(reviews)
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
    noise = replace(reviews, read=reading(np.random.default_rng(2).normal(0, 3, 4000)))
    rule, figures = fitted(noise)
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
    rule, figures = fitted(reviews)
    assert figures["gate_share"] > 0.2
    (pair, _), (of_others, _) = reviews.pair(rule), others.pair(rule)
    own, taken_over = (reviews.figures(pair, at)["macro_f1"] for at in (rule.thresholds.positive, of_network.threshold))
    assert own >= reviews.figures(pair, 0.5)["macro_f1"]
    assert own >= taken_over
    assert others.figures(of_others, rule.thresholds.positive)["macro_f1"] > 0.95


def test_on_stress_texts_too_the_network_alone_decides_by_its_own_threshold():
    """At 0.5 this network would be right about all of them, at its own threshold it calls most of them negative."""
    moved, _ = shifted(seed=1)
    texts = replace(moved, read=reading(np.where(moved.labels, 0.2, -0.2)), decision=Decision(1.0, 0.99))
    texts = replace(texts, network=np.where(texts.labels, 0.5, -0.5))
    stress = Stress({"titles": texts}, reading(np.empty(0)))
    rule, figures = fitted(replace(judged(), decision=Decision(1.0, 0.99)), stress)
    assert figures["stress_titles_alone"] == 0.5
    assert rule.gate_weight > 0
    assert rule.thresholds.positive == 0.99


def test_a_threshold_that_is_not_tuned_stays_the_networks():
    rule, _ = fitted(judged())
    assert rule.thresholds.positive == 0.5
    costly = Decision(1.0, 0.73, bias=1.0)
    rule, _ = fitted(judged(decision=costly))
    assert rule is not None
    assert rule.thresholds.positive == 0.73


def test_what_the_gate_leaves_has_the_probabilities_that_come_true():
    reviews, others = judged(reviews=8000, gate_errors=0.1), judged(reviews=8000, gate_errors=0.1, seed=5)
    rule, _ = fitted(reviews)
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


def with_depth(texts, seed=0, shortest=1, longest=120):
    """The same texts with lengths and shares of known bigrams of their own."""
    draw, count = np.random.default_rng(seed), len(texts.labels)
    tokens, familiar = draw.integers(shortest, longest, count), draw.uniform(0.4, 1, count)
    return replace(texts, read=replace(texts.read, tokens=tokens, familiar=familiar))


def titles(seed, tokens=5):
    """Short texts that the network reads well, and of which the gate knows hardly more than that most are positive."""
    texts = judged(reviews=1000, seed=seed)
    odds = np.random.default_rng(seed).normal(2.5, 1, 1000)
    return replace(texts, read=reading(odds, tokens=tokens, familiar=0.9, intercept=2.0))


def test_the_pair_is_hardly_worse_than_the_network_on_texts_unlike_the_reviews():
    stress = Stress({"titles": titles(seed=3)}, reading(np.empty(0)))
    reviews = with_depth(judged())
    freely, _ = fitted(reviews)
    rule, figures = fitted(reviews, stress)
    wanted = {"titles": figures["stress_titles_alone"] - 0.0025}
    assert not stress.stands(freely, wanted)
    assert stress.stands(rule, wanted)
    assert figures["gate_share"] > 0.5
    assert figures["cascade_accuracy"] >= figures["alone_accuracy"]
    assert figures["stress_titles_cascade"] >= figures["stress_titles_alone"] - 0.0025
    others = titles(seed=4)
    accuracies = [
        others.balanced_accuracy(given, rule.thresholds.positive) for given in (others.pair(rule)[0], others.alone)
    ]
    assert accuracies[0] >= accuracies[1] - 0.005


def test_the_gate_answers_no_text_without_opinion_however_sure_it_is_of_the_prior():
    empty_talk = reading(np.full(20, 3.0), tokens=20, intercept=2.6)
    reviews = with_depth(replace(judged(), read=reading(judged().read.log_odds + 2.6, intercept=2.6)))
    rule, figures = fitted(reviews, Stress({}, empty_talk))
    assert not sure(empty_talk, np.full(20, True), rule).any()
    assert figures["gate_share"] > 0.4


def test_where_no_rule_stands_the_stress_there_is_no_gate():
    network_only = titles(seed=3, tokens=60)
    reviews = with_depth(judged(), shortest=60, longest=61)
    impossible = replace(
        network_only, read=replace(network_only.read, log_odds=np.where(network_only.labels, -9.0, 9.0))
    )
    impossible = replace(impossible, read=replace(impossible.read, evidence=np.full(1000, 9.0), familiar=np.ones(1000)))
    assert fitted(reviews, Stress({"contrary": impossible}, reading(np.empty(0))))[0] is None


def test_the_gate_answers_nothing_that_is_short_strange_or_tells_too_little():
    depth = Depth(fewest_tokens=20, known_bigrams=0.8, least_evidence=1.0)
    rule = RULE.model_copy(update={"answers": depth})
    read = replace(
        reading(np.full(4, 5.0)),
        tokens=np.array([60, 19, 60, 60]),
        familiar=np.array([0.9, 0.9, 0.79, 0.9]),
        evidence=np.array([5.0, 5.0, 5.0, 0.9]),
    )
    texts = BothOdds(np.full(4, -1.0), read, np.zeros(4), np.full(4, True), PLAIN)
    probability, gated = texts.pair(rule)
    assert gated.tolist() == [True, False, False, False]
    assert probability[1:] == pytest.approx(logistic(np.full(3, -1 + 0.5 * 5)))


def test_out_of_the_depth_in_which_it_is_heard_the_network_speaks_alone():
    read = replace(reading(np.full(2, 1.0)), familiar=np.array([0.9, 0.7]))
    texts = BothOdds(np.full(2, -1.5), read, np.zeros(2), np.full(2, True), PLAIN)
    probability, gated = texts.pair(RULE.model_copy(update={"heard": Depth(known_bigrams=0.8)}))
    assert not gated.any()
    assert probability == pytest.approx(logistic(np.array([-1.5 + 0.5 * 1.0, -1.5])))


def test_the_strangest_reviews_are_the_networks_though_no_stress_text_shows_why():
    reviews = with_depth(judged())
    rule, _ = fitted(reviews)
    strange = np.quantile(reviews.read.familiar, 0.05)
    assert rule.answers.known_bigrams >= strange
    assert rule.heard.known_bigrams >= strange


def test_where_the_gate_is_sure_both_sides_count_and_only_what_is_known():
    probability = np.array([0.0, 0.1, 0.11, 0.5, 0.89, 0.9, 1.0])
    with np.errstate(divide="ignore"):
        read = reading(np.log(probability / (1 - probability)) * 1.000001)
    assert sure(read, np.full(7, True), RULE).tolist() == [True, True, *[False] * 3, True, True]
    assert not sure(read, np.full(7, False), RULE).any()


def test_a_networks_bundle_has_a_gate_and_says_how_much_it_answers(bundle):
    description = read_bundle(bundle)
    assert description.gate is not None
    assert 0 < description.metrics["gate_share"] <= 1
    assert description.metrics["cascade_accuracy"] >= description.metrics["alone_accuracy"]
    for kind in ("titles", "sentences", "templates"):
        pair, alone = (description.metrics[f"stress_{kind}_{who}"] for who in ("cascade", "alone"))
        assert pair >= alone - 0.0025


def test_on_texts_it_was_not_fitted_on_a_bundle_is_hardly_worse_for_its_gate(bundle):
    scorer, alone = Scorer.load(bundle), Scorer.load(bundle, cascade=False)
    for kind, texts in stress_texts(tiny.reviews(1500, seed=11), JUDGED_ON, without=FITTED_ON).items():
        right = [
            (one.probabilities(texts.titles, texts.texts) >= one.thresholds.positive) == (texts.labels == 1)
            for one in (scorer, alone)
        ]
        assert right[0].mean() >= right[1].mean() - 0.005, kind


@pytest.mark.parametrize("text", ["", "It is.", "It arrived on Tuesday in a box.", "Not a great phone."])
def test_a_text_that_says_too_little_is_never_the_gates(bundle, text):
    answers = Scorer.load(bundle).answer(["", text], [text, ""])
    assert set(answers.decided_by) == {"encoder"}


def test_a_review_is_decided_by_the_gate_where_it_is_sure_and_else_by_both(bundle):
    reviews = tiny.reviews(150, seed=8)
    scorer, alone = Scorer.load(bundle), Scorer.load(bundle, cascade=False)
    rule, tokens = scorer.bundle.gate, scorer._tokenizer.whole(reviews.titles, reviews.texts)
    read = Gate.load(bundle).read(tokens)
    odds, gated = read.log_odds, sure(read, np.full(150, True), rule)
    answers = scorer.answer(reviews.titles, reviews.texts)
    assert answers.decided_by.tolist() == ["gate" if one else "encoder" for one in gated]
    assert answers.positive_probability[gated] == pytest.approx(logistic(odds / rule.temperature)[gated])
    network = scorer.logits(reviews.titles, reviews.texts)
    both = logistic(rule.encoder_weight * (network[:, 1] - network[:, 0]) + rule.gate_weight * odds + rule.bias)
    # What a review is batched with moves int8 a little.
    assert answers.positive_probability[~gated] == pytest.approx(both[~gated], abs=0.05)
    assert ((answers.positive_probability >= 0.5) == reviews.labels).mean() > 0.95
    assert set(alone.answer(reviews.titles, reviews.texts).decided_by) == {"encoder"}
