"""Titles and texts become the same token ids everywhere, whatever people write."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny
from sentiment.core.errors import ContractError
from sentiment.engine.tokens import ReviewTokenizer, length_batches

CLS, SEP = 2, 3


def tokenizer(max_length=16, head_share=0.5):
    return ReviewTokenizer.from_json(tiny.bert_tokenizer_json(), max_length, head_share)


def words(ids):
    names = {index: word for word, index in tiny.vocabulary().items()}
    return [names[index] for index in ids]


def test_the_title_stands_before_the_text_with_a_full_stop():
    (ids,) = tokenizer().encode(["Great phone"], ["I love it"])
    assert words(ids) == ["[CLS]", "great", "phone", ".", "i", "love", "it", "[SEP]"]


@pytest.mark.parametrize("title", ["", "   ", None])
def test_a_review_without_a_title_is_its_text_alone(title):
    (ids,) = tokenizer().encode([title], ["I love it"])
    assert words(ids) == ["[CLS]", "i", "love", "it", "[SEP]"]


def test_a_long_review_keeps_its_head_and_its_tail():
    text = " ".join(["first"] * 50 + ["middle"] * 50 + ["last"] * 50)
    (ids,) = tokenizer(max_length=12, head_share=0.3).encode([""], [text])
    assert words(ids) == ["[CLS]"] + ["first"] * 3 + ["last"] * 7 + ["[SEP]"]


@pytest.mark.parametrize(("head_share", "word"), [(1.0, "first"), (0.0, "last")])
def test_a_head_share_of_one_or_none_keeps_one_end_only(head_share, word):
    (ids,) = tokenizer(8, head_share).encode([""], ["first " * 20 + "last " * 20])
    assert words(ids) == ["[CLS]"] + [word] * 6 + ["[SEP]"]


def test_truncation_and_padding_of_the_file_do_not_apply():
    short, long = tokenizer(max_length=64).encode(["", ""], ["it", "it " * 30])
    assert (len(short), len(long)) == (3, 32)


def test_a_tokenizer_of_the_roberta_kind_brings_its_own_special_tokens_and_padding():
    roberta = ReviewTokenizer.from_json(tiny.roberta_tokenizer_json(), 8, 0.5)
    ids = roberta.encode(["", ""], ["abcdefghijkl", "a"])
    padded, mask = roberta.pad(ids)
    assert [ids[0][0], ids[0][-1], len(ids[0])] == [0, 2, 8]
    assert padded[1].tolist()[2:] == [2, 1, 1, 1, 1, 1]
    assert mask.sum(1).tolist() == [8, 3]


def test_a_text_of_a_megabyte_takes_less_than_a_second_of_work():
    texts = ["it was great " * 80_000, "x" * 1_000_000, " " * 1_000_000]
    started = time.process_time()
    ids = tokenizer(max_length=128).encode([""] * 3, texts)
    assert time.process_time() - started < 1
    assert [len(review) for review in ids] == [128, 4, 2]


def test_cutting_by_characters_keeps_the_ends_that_the_window_shows():
    text = "first " * 10 + "it " * 100_000 + "last " * 10
    (ids,) = tokenizer(max_length=22).encode([""], [text])
    assert words(ids) == ["[CLS]"] + ["first"] * 10 + ["last"] * 10 + ["[SEP]"]


@pytest.mark.parametrize(("before", "after"), [("", ""), ("好 ", ""), ("", " 好"), ("好 ", " 好")])
def test_a_long_text_of_a_script_without_spaces_keeps_both_ends(before, after):
    text = before + "好" * 4_000 + after
    cut = tokenizer(max_length=22)._cut(text)
    assert (len(cut), cut[:80], cut[-80:]) == (161, text[:80], text[-80:])


STRANGE = ["", "\ud800", "a\x00b", "😀" * 50, "مرحبا", "日本語" * 9, "\u202e\u200d", "[SEP]" * 9]


@pytest.mark.parametrize("text", STRANGE)
def test_strange_texts_become_ids_between_the_special_tokens(text):
    (ids,) = tokenizer().encode([text], [text])
    assert ids[0] == CLS
    assert ids[-1] == SEP
    assert len(ids) <= 16


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=200)), max_size=8))
def test_a_review_has_the_same_ids_alone_and_among_others(rows):
    titles, texts = [title for title, _ in rows], [text for _, text in rows]
    together = tokenizer().encode(titles, texts)
    alone = [tokenizer().encode([title], [text])[0] for title, text in rows]
    assert [ids.tolist() for ids in together] == [ids.tolist() for ids in alone]
    assert all(ids.dtype == np.int64 for ids in together)


def test_no_reviews_give_no_ids_and_an_empty_batch():
    assert tokenizer().encode([], []) == []
    assert [part.shape for part in tokenizer().pad([])] == [(0, 0), (0, 0)]


def test_batches_hold_every_review_once_within_the_budget():
    lengths = np.random.default_rng(0).integers(3, 60, 200).tolist()
    batches = list(length_batches(lengths, 128))
    assert sorted(np.concatenate(batches).tolist()) == list(range(200))
    assert all(len(rows) * max(lengths[row] for row in rows) <= 128 for rows in batches)


def test_a_review_beyond_the_budget_is_a_batch_of_its_own():
    assert [rows.tolist() for rows in length_batches([500, 2, 600], 100)] == [[2], [0], [1]]
    assert list(length_batches([], 100)) == []


def test_batches_come_in_few_shapes_with_little_padding():
    rng, shapes = np.random.default_rng(0), set()
    wide = tokenizer(max_length=60)
    for _ in range(20):
        reviews = [np.full(length, 5) for length in rng.integers(12, 61, 200)]
        padded = [
            wide.pad([reviews[row] for row in rows])[1] for rows in length_batches([len(ids) for ids in reviews], 512)
        ]
        assert sum(mask.sum() for mask in padded) > 0.85 * sum(mask.size for mask in padded)
        shapes.update(mask.shape for mask in padded)
    assert len(shapes) < 20
    assert {width for _, width in shapes} <= {16, 24, 32, 40, 48, 56, 60}


def test_a_window_without_room_and_a_broken_file_say_what_to_do(tmp_path):
    with pytest.raises(ContractError, match="leaves no room"):
        tokenizer(max_length=2)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ContractError, match="export the model anew"):
        ReviewTokenizer(tmp_path / "tokenizer.json", 16, 0.5)
    with pytest.raises(ContractError, match="cannot read the tokenizer"):
        ReviewTokenizer(tmp_path / "absent.json", 16, 0.5)
