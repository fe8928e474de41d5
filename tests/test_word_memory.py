"""The memory of words gives the tokenizer's own ids, or leaves the text to it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

import tiny
from sentiment.engine import tokens
from sentiment.engine.tokens import ReviewTokenizer, WordMemory

CONTENT = tiny.bert_tokenizer_json()


def tokenizer(content=CONTENT):
    found = Tokenizer.from_str(content)
    found.no_truncation()
    found.no_padding()
    return found


def memory(content=CONTENT):
    return WordMemory.of(tokenizer(content), json.loads(content))


HF, MEMORY = tokenizer(), memory()
WORDS = [
    *tiny.POSITIVE_WORDS,
    *tiny.NEUTRAL_WORDS,
    "GREAT!!!",
    "don't",
    "a.b",
    "4.5/5",
    "[sep",
    "x" * 150,
    "Café",
    "😀",
]


@given(st.text(st.characters(max_codepoint=0x7F), max_size=200) | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_a_text_has_the_tokenizers_ids_or_is_left_to_it(text):
    ids = MEMORY.ids(text)
    assert ids is None or ids == HF.encode(text, add_special_tokens=False).ids
    assert ids is not None or not text.isascii() or not text.isprintable() or "[" in text


@pytest.mark.parametrize("text", ["a [SEP] b", "a [sep] b", "naïve", "a\x00b", "a\x1fb", "“quoted”", "[CLS]"])
def test_special_tokens_control_characters_and_letters_beyond_ascii_are_left_to_the_tokenizer(text):
    assert MEMORY.ids(text) is None


def test_a_tokenizer_that_keeps_capitals_keeps_them_here_too():
    content = json.loads(CONTENT)
    content["normalizer"]["lowercase"] = False
    cased = json.dumps(content)
    expected = tokenizer(cased).encode("Great GREAT great", add_special_tokens=False).ids
    assert memory(cased).ids("Great GREAT great") == expected
    assert expected != HF.encode("Great GREAT great", add_special_tokens=False).ids


def test_another_kind_of_tokenizer_has_no_memory():
    content = tiny.roberta_tokenizer_json()
    assert WordMemory.of(Tokenizer.from_str(content), json.loads(content)) is None


def test_the_memory_does_not_grow_for_ever(monkeypatch):
    monkeypatch.setattr(tokens, "WORDS", 3)
    small = memory()
    text = "one two three four five " + "y" * 40
    assert small.ids(text) == HF.encode(text, add_special_tokens=False).ids
    assert len(small) == 3
    assert max(map(len, small)) <= tokens.LONGEST_WORD


def test_reviews_of_both_kinds_keep_their_order():
    reviews = ["great phone", "schön, great", "", "awful [SEP] thing", "great phone"]
    with_memory = ReviewTokenizer.from_json(CONTENT, 32, 0.5)
    found = with_memory.whole([""] * 5, reviews)
    assert [ids.tolist() for ids in found] == [HF.encode(text, add_special_tokens=False).ids for text in reviews]
