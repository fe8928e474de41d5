"""The share of a review that is known: whole words of the vocabulary, whatever the kind of tokenizer."""

import numpy as np
import pytest

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


def test_a_word_tokenizer_knows_its_words_and_a_byte_level_one_those_after_a_space():
    words = {"type": "WordLevel", "unk_token": "[UNK]"}
    assert share("great", "[UNK]", vocabulary={"[UNK]": 0, "great": 1}, model=words) == 0.5
    bytes_vocabulary = {"\u0120great": 0, "\u0120cam": 1, "era": 2, ".": 3}
    byte_level = {"type": "BPE", "unk_token": None}
    assert share("\u0120great", ".", "\u0120great", vocabulary=bytes_vocabulary, model=byte_level) == 1
    assert share("\u0120cam", "era", vocabulary=bytes_vocabulary, model=byte_level) == 0


def test_nobody_is_surer_than_the_bound_about_what_is_not_known():
    given = np.array([0.01, 0.55, 0.99, 0.99], np.float32)
    assert no_surer(given, np.array([False, False, False, True])) == pytest.approx([0.4, 0.55, 0.6, 0.99])
