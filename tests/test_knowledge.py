"""The share of a review that is known: whole words of the vocabulary, whatever the kind of tokenizer."""

import json
from functools import cache

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from sentiment.engine.knowledge import Knowledge, no_surer

WORD_PIECE = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##"}
PIECES = ["[UNK]", "great", "cam", "##era", "!", "7", "x", "i", "😀", "##s", "[SEP]"]
VOCABULARY = {piece: at for at, piece in enumerate(PIECES)}


def share(*pieces, vocabulary=VOCABULARY, model=WORD_PIECE):
    (found,) = Knowledge.of(vocabulary, model).shares([np.array([vocabulary[piece] for piece in pieces], np.int64)])
    return found


@pytest.mark.parametrize(
    ("pieces", "known"),
    [
        (["great"], 1),
        (["i", "great", "!", "!"], 1),
        (["cam", "##era"], 0),
        (["great", "cam", "##era", "##s"], 0.25),
        (["great", "7"], 0.5),
        (["x", "great"], 0.5),
        (["[UNK]", "[UNK]", "[UNK]", "great"], 0.25),
        (["😀"], 1),
        (["[SEP]", "great"], 0.5),
        (["!"], -1),
        ([], -1),
    ],
)
def test_whole_words_are_known_and_their_parts_are_not(pieces, known):
    assert share(*pieces) == known


def test_reviews_are_judged_each_by_itself_also_beside_empty_ones():
    knowledge = Knowledge.of(VOCABULARY, WORD_PIECE)
    ids = [
        np.array([VOCABULARY[piece] for piece in one], np.int64) for one in ([], ["great"], [], ["##s", "great"], [])
    ]
    assert knowledge.shares(ids).tolist() == [-1, 1, -1, 0.5, -1]
    assert knowledge.shares([]).shape == (0,)


def test_a_word_tokenizer_knows_its_words():
    words = {"type": "WordLevel", "unk_token": "[UNK]"}
    assert share("great", "[UNK]", vocabulary={"[UNK]": 0, "great": 1}, model=words) == 0.5


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("Excellent", 1),
        ("Excellent!", 1),
        ("it is (great)", 1),
        ('"great" it is', 1),
        ("sch\u00f6n great", 1),
        ("\U0001f600", 1),
        ("xyzzyx", 0),
        ("(xyzzyx)", 0),
        ("xyzzyx great", 1 / 7),
        ("\u597d great", 1 / 4),  # a sign of three bytes, none of which is a word
        ("!", -1),
    ],
)
def test_a_byte_level_tokenizer_knows_words_wherever_they_stand(text, known):
    tokenizer = byte_level()
    ids = [np.array(tokenizer.encode(one).ids, np.int64) for one in ("great!", text, "", "great")]
    model = json.loads(tokenizer.to_str())["model"]
    assert Knowledge.of(tokenizer.get_vocab(), model).shares(ids).tolist() == pytest.approx([1, known, -1, 1])


@cache
def byte_level():
    """One that knows its words, and the letters of others."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    words = ["Excellent", "great", "it", "is", "sch\u00f6n", "\U0001f600"]
    tokenizer.train_from_iterator([*words, *(f" {word}" for word in words)] * 3, trainer)
    return tokenizer


def test_nobody_is_surer_than_the_bound_about_what_is_not_known():
    given = np.array([0.01, 0.55, 0.99, 0.99], np.float32)
    assert no_surer(given, np.array([False, False, False, True])) == pytest.approx([0.4, 0.55, 0.6, 0.99])
