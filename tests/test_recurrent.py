"""The recurrent families: their words, their vectors, and logits that neither padding nor a neighbour changes."""

import gzip
from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

import tiny
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.engine.tokens import ReviewTokenizer
from sentiment.training.config.train import TrainConfig
from sentiment.training.fit import fit
from sentiment.training.fitted import Fitted, predict_logits
from sentiment.training.models.build import build_model
from sentiment.training.models.recurrent import RecurrentClassifier, RecurrentShape
from sentiment.training.models.words import read_vectors, word_ids, word_tokenizer

FAMILIES = ["bilstm", "lstm", "gru"]
REVIEWS = tiny.reviews(60)
VECTORS = "3 4\ngreat 1 2 3 4\nnobody 5 5 5 5\nbroken -1 -2 -3 -4 \n"


def network(kind, words=50):
    torch.manual_seed(3)
    return RecurrentClassifier(RecurrentShape(kind, words, 12, 8, 0.3)).eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_learns_from_nothing_and_survives_a_folder(family, tmp_path):
    fitted = fit(
        tiny.config(tmp_path, family), tiny.reviews(600), tiny.reviews(100, seed=1), tmp_path / "work", Settings()
    )
    test = tiny.reviews(200, seed=9)
    assert (predict_logits(fitted, test).argmax(1) == test.labels).mean() > 0.9
    assert fitted.parameters == fitted.trainable
    assert fitted.adapter is None
    fitted.save(tmp_path / "fitted")
    again = Fitted.load(tmp_path / "fitted")
    assert (predict_logits(again, test) == predict_logits(fitted, test)).all()
    assert again.family == family


@pytest.mark.parametrize("kind", FAMILIES)
def test_padding_does_not_change_a_reviews_logits(kind):
    model, ids = network(kind), torch.randint(3, 50, (1, 7))
    padded = torch.cat([ids, torch.zeros(1, 5, dtype=torch.int64)], dim=1)
    with torch.inference_mode():
        alone, beside = model(ids, torch.ones_like(ids)), model(padded, (padded > 0).long())
    assert torch.allclose(alone, beside, atol=1e-6)


def test_the_backward_direction_reads_each_review_from_its_own_last_word():
    model = network("bilstm")
    ids = torch.tensor([[4, 5, 6, 0, 0], [7, 8, 9, 10, 11]])
    vectors = model.embedding(ids)
    with torch.inference_mode():
        states = model.recurrent(vectors, (ids > 0).long())
        backwards = model.recurrent.backwards(vectors[:1, :3].flip(1))[0].flip(1)
    assert torch.allclose(states[0, :3, 8:], backwards[0], atol=1e-6)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_the_cross_entropy_of_both_logits_is_the_binary_one_of_their_difference(kind):
    ids, labels = torch.randint(3, 50, (6, 9)), torch.tensor([0, 1, 1, 0, 1, 0])
    logits = network(kind)(ids, torch.ones_like(ids))
    difference = logits[:, 1] - logits[:, 0]
    binary = torch.nn.functional.binary_cross_entropy_with_logits(difference, labels.float())
    assert torch.nn.functional.cross_entropy(logits, labels).item() == pytest.approx(binary.item(), abs=1e-6)


def test_attention_gives_padding_no_weight_and_reads_every_real_word():
    output, states = network("bilstm").output, torch.randn(1, 4, 16)
    mask = torch.tensor([[1, 1, 1, 0]])
    changed = states.clone()
    changed[0, 3] = 100
    with torch.inference_mode():
        assert torch.equal(output(states, mask), output(changed, mask))
        for word in range(3):
            changed = states.clone()
            changed[0, word] = 100
            assert not torch.allclose(output(states, mask), output(changed, mask), atol=1e-3)


def test_the_vocabulary_is_the_most_frequent_words_of_the_training_reviews():
    reviews = replace(
        REVIEWS.take(np.arange(3)), titles=["", "Good", ""], texts=["Good good phone!", "phone \ud800 case", "good"]
    )
    ids = word_ids(word_tokenizer(reviews, 2))
    assert ids == {"[PAD]": 0, "[UNK]": 1, "[START]": 2, "good": 3, "phone": 4}


def test_a_review_is_read_in_lower_case_with_unknown_words_and_a_start_of_its_own():
    tokenizer = ReviewTokenizer.from_json(word_tokenizer(REVIEWS, 500), 16, 0.5)
    ids = word_ids(word_tokenizer(REVIEWS, 500))
    (review, empty) = tokenizer.encode(["Great", ""], ["zyzzyva PHONE", "  "])
    assert review.tolist() == [2, ids["great"], ids["."], 1, ids["phone"]]
    assert empty.tolist() == [2]
    assert (tokenizer.pad_id, tokenizer.special_ids) == (0, (2,))


@pytest.mark.parametrize("packed", [False, True])
def test_given_vectors_are_taken_for_the_words_that_they_know(packed, tmp_path):
    file = tmp_path / ("some.vec.gz" if packed else "some.vec")
    file.write_bytes(gzip.compress(VECTORS.encode()) if packed else VECTORS.encode())
    config = TrainConfig(family="gru", embeddings=file, embedding_size=4, hidden_size=4)
    model, tokenizer_json = build_model(config, REVIEWS)
    ids, weights = word_ids(tokenizer_json), model.embedding.weight.detach()
    assert weights[ids["great"]].tolist() == [1, 2, 3, 4]
    assert weights[ids["broken"]].tolist() == [-1, -2, -3, -4]
    assert 0 < weights[ids["phone"]].abs().max() < 1
    assert weights[0].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ("", "line 1 is not the count of words and their size"),
        ("great 1 2 3 4\n", "line 1 is not the count"),
        ("2 4\ngreat 1 2 3 4\nbroken 1 2\n", "line 3 is no word with 4 numbers"),
        ("1 4\ngreat 1 2 x 4\n", "line 2 holds something that is no number"),
        ("1 4\ngreat 1 nan 3 4\n", "line 2 holds a number that is not finite"),
        ("9 4\ngreat 1 2 3 4\n", "line 2 is the last, where the first promises 9 words"),
        ("1 5\ngreat 1 2 3 4 5\n", "embedding_size is 4; set it to 5"),
        ("1 4\nnobody 1 2 3 4\n", "knows none of the"),
    ],
)
def test_a_file_of_vectors_that_is_malformed_is_refused_with_its_line(content, wrong, tmp_path):
    file = tmp_path / "some.vec"
    file.write_text(content)
    with pytest.raises(ContractError, match=wrong) as refused:
        read_vectors(file, {"great": 0, "broken": 1}, 4)
    assert str(file) in str(refused.value)


def test_a_gzipped_file_that_ends_too_soon_is_refused(tmp_path):
    file = tmp_path / "some.vec.gz"
    file.write_bytes(gzip.compress(VECTORS.encode() * 50)[:-20])
    with pytest.raises(ContractError, match=r"line .*cannot be read"):
        read_vectors(file, {"great": 0}, 4)


def test_a_recurrent_network_cannot_compute_its_activations_twice():
    with pytest.raises(ValidationError, match="leave gradient_checkpointing off"):
        TrainConfig(family="lstm", gradient_checkpointing=True)


def test_a_recurrent_network_computes_on_one_thread_and_gives_the_others_back(tmp_path, monkeypatch):
    threads, forward = [], RecurrentClassifier.forward
    monkeypatch.setattr(
        RecurrentClassifier, "forward", lambda *given: threads.append(torch.get_num_threads()) or forward(*given)
    )
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    fitted = fit(tiny.config(tmp_path, "gru", evaluations=1), REVIEWS, REVIEWS, tmp_path / "work", Settings())
    trained = len(threads)
    predict_logits(fitted, REVIEWS)
    assert len(threads) > trained
    assert set(threads) == {1}
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)
