from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentiment.config import IngestOptions
from sentiment.ingest.clean import clean

PLAIN = IngestOptions()


def cleaned(texts, options=PLAIN):
    return [clean(text, options) for text in texts]


CASES = {
    "It is great.The battery lasts!Really": "It is great. The battery lasts! Really",
    "one<br />two <b>bold</b> <a href='x'>link</a>": "one two bold link",
    "&#34;quoted&#34; &quot;too&quot; &amp;amp; caf&eacute;": '"quoted" "too" & café',
    "twice &amp;#34;escaped&amp;#34;": 'twice "escaped"',
    "I <3 it, 2 < 3 and 5 > 4": "I <3 it, 2 < 3 and 5 > 4",
    "see http://x.y/z?a=1&b=2 or www.shop.example/page now": "see or now",
    "write to me.too+x@mail.example.org today": "write to today",
    "WOW!!! so good :-) 😀👍🏽 👩‍👩‍👧": "WOW!!! so good :-) 😀👍🏽 👩‍👩‍👧",
    "a \t\n  b\u00a0\u2003c": "a b c",
    "cafe\u0301": "caf\u00e9",
    "nul\x00and\x07bell": "nul and bell",
    "U.S.A. and e.g.this and 3.5stars": "U.S.A. and e.g.this and 3.5stars",
    "&unknown; &#xD800; stays": "&unknown; \ufffd stays",
    "عربي جيد جدا": "عربي جيد جدا",
    "<br><br/>": "",
    # Taking out is done to the end: no tag is left that another stood in.
    "<A<br>broken> tag": "tag",
    "": "",
}


def test_cleaning_takes_markup_out_and_leaves_feeling_in():
    assert dict(zip(CASES, cleaned(list(CASES)), strict=True)) == CASES


def test_contractions_and_lower_case_are_written_out_only_when_asked():
    text = ["I DON'T think it won’t, can't or isn't: it's fine"]
    assert cleaned(text) == ["I DON'T think it won’t, can't or isn't: it's fine"]
    asked = cleaned(text, IngestOptions(expand_contractions=True, lower_case=True))
    assert asked == ["i do not think it will not, cannot or is not: it is fine"]


# Texts of what reviews are made of, where mistakes of cleaning hide: markup, entities, stops, odd spaces and signs.
PIECES = st.one_of(
    st.sampled_from(
        ["<br>", "<b>", "</b>", "&amp;", "&#34;", "&#x41;", "&lt;", "great", "The", ".", "!", "?", " ", "\n", "\u00a0"]
    ),
    st.sampled_from(
        ["😀", "\u200b", "\x00", "http://a.b/c", "me@you.org", "<3", "é", "e\u0301", "don't", "A", "<", "&"]
    ),
    st.text(max_size=8),
)
TEXTS = st.lists(st.lists(PIECES, max_size=12).map("".join), min_size=20, max_size=60)
QUICK = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(TEXTS)
def test_cleaned_text_is_folded_and_free_of_tags_links_and_control_characters(texts):
    import re
    import unicodedata
    from html import unescape

    given_texts = [text.encode("utf-8", "replace").decode() for text in texts]
    for before, text in zip(given_texts, cleaned(given_texts), strict=True):
        assert text == text.strip()
        assert not re.search(r"\s{2,}|[\n\t\x00-\x1f\u00a0]", text)
        tag_in_a_tag = re.search(r"<[^<>]*<", unescape(unescape(before)))
        assert tag_in_a_tag or not re.search(r"</?[a-zA-Z][^<>]{0,500}>", text)
        assert not re.search(r"(?i)\bhttps?://[^\s<>\"]", text)
        assert unicodedata.is_normalized("NFC", text)


WORDS = st.sampled_from(["great", "The", "phone", "it's", "😀", "!", ",", "A1", "ok."])


@QUICK
@given(st.lists(st.lists(WORDS, max_size=9).map(" ".join), min_size=5, max_size=30))
def test_clean_text_is_left_as_it_is(texts):
    assert cleaned(texts) == texts


@QUICK
@given(TEXTS)
def test_every_text_gives_one_text_and_lower_case_changes_no_more_than_case(texts):
    given_texts = [text.encode("utf-8", "replace").decode() for text in texts]
    plain = cleaned(given_texts)
    lower = cleaned(given_texts, IngestOptions(lower_case=True))
    assert len(plain) == len(given_texts)
    assert [text.casefold() for text in lower] == [text.casefold() for text in plain]
