"""Cleaning: what goes, what stays, that it is one for all ways in, done once for all, and linear in a text's length."""

import html
import importlib
import pkgutil
import re
import unicodedata

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import sentiment.core.text
from regex_steps import Steps
from sentiment.core.text.clean import LONGEST_TEXT, cell_text, clean_text, was_cut, word_count
from sentiment.core.text.markup import unescaped
from sentiment.datasets.published import read_fasttext, review
from sentiment.ingest.config import IngestOptions
from sentiment.ingest.judge import clean

CASES = {
    "It is great.The battery lasts!Really": "It is great. The battery lasts! Really",
    "one<br />two <b>bold</b> <a href='x'>link</a>": "one two bold link",
    "&#34;quoted&#34; &quot;too&quot; &amp;amp; caf&eacute;": '"quoted" "too" & café',
    "twice &amp;#34;escaped&amp;#34;": 'twice "escaped"',
    "an XML writer&apos;s escape, escaped again: don&amp;apos;t": "an XML writer's escape, escaped again: don't",
    "I <3 it, 2 < 3 and 5 > 4": "I <3 it, 2 < 3 and 5 > 4",
    "see http://x.y/z?a=1&b=2 or www.shop.example/page now": "see or now",
    "<http://x.y> and <me@mail.example.org> go with their brackets": "and go with their brackets",
    '<a href="http://x.y/z">named</a> link': "named link",
    "write to me.too+x@mail.example.org today": "write to today",
    "WOW!!! so good :-) 😀👍🏽 👩‍👩‍👧": "WOW!!! so good :-) 😀👍🏽 👩‍👩‍👧",
    "❤️ 1️⃣ 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f": (
        "❤️ 1️⃣ 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
    ),
    "a \t\n  b\u00a0\u2003c": "a b c",
    "cafe\u0301": "caf\u00e9",
    "nul\x00and\x07bell": "nul and bell",
    "U.S.A. and e.g.this and 3.5stars": "U.S.A. and e.g.this and 3.5stars",
    "&unknown; stays, &#xD800; is no character": "&unknown; stays, \ufffd is no character",
    "عربي جيد جدا": "عربي جيد جدا",
    "می\u200cخواهم": "می\u200cخواهم",
    "don\u00b4t": "don't",
    "Ｔｅｒｒｉｂｌｅ ｓｐｅａｋｅｒ": "Terrible speaker",
    "＆ｌｔ；ｂ＞": "",
    "<br><br/>": "",
    "open <!-- unclosed": "open <!-- unclosed",
    "in<!-- <b> a comment\n -->side": "in side",
    # One tag is taken out of another, and then the rest is one.
    "<A<br>href=x> tag": "tag",
    "does <not> work, <sarcasm>I love it</sarcasm>, <grin> and <LOL>": (
        "does <not> work, <sarcasm>I love it</sarcasm>, <grin> and <LOL>"
    ),
    "<<DON'T buy>>, dear <at least here>, press <MENU> or <INPUT>, <a great deal> less": (
        "<<DON'T buy>>, dear <at least here>, press <MENU> or <INPUT>, <a great deal> less"
    ),
    'film<INPUT type="hidden" value=""><hr/><o:p></o:p><st1:place w:st = "on">Rome</P >': "film Rome",
    '<img src="data:image/png;base64,' + "A" * 400 + '"> picture': "picture",
    "half a \ud83d emoji": "half a ? emoji",
    "质量太差了请联系service@shop.com退款谢谢": "质量太差了请联系 退款谢谢",
    "コスパ最高です@amazon.co.jpで購入": "コスパ最高です@amazon.co.jpで購入",
    "最悪です。https://example.jp/aを見て買い、壊れました。": "最悪です。 を見て買い、壊れました。",
    "见https://t.cn/abc…": "见",
    "见<www.shop.cn/a?b=1>，很差": "见 ,很差",
    "最高ですｗｗｗ…面白いwww.でも": "最高ですwww...面白いwww.でも",
    "смhttps://t.me/abc плохо": "см плохо",
    "see https://t.co/a👍👍 or https://de.wiki.org/Köln": "see 👍👍 or",
    "müller@web.de, иван@почта.рф и “me@x.org”": ", и “ ”",
    "": "",
}


def test_cleaning_takes_markup_out_and_leaves_feeling_in():
    assert {raw: clean_text(raw) for raw in CASES} == CASES


WITHOUT_WIDTH = "\u00ad\u034f\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2066\u2069\ufe0f\ufeff\U000e0041"


@pytest.mark.parametrize("inside", WITHOUT_WIDTH, ids=lambda one: f"U+{ord(one):04X}")
@pytest.mark.parametrize("written", ["{}", "&#{};", "&amp;#{};"])
def test_what_has_no_width_never_tears_a_word(inside, written):
    between = written.format(inside if written == "{}" else ord(inside))
    assert clean_text(f"ter{between}rib{between}{between}le") == "terrible"


# Texts of what reviews are made of, where mistakes of cleaning hide: markup, entities, stops, odd spaces and signs.
PIECES = st.one_of(
    st.sampled_from(
        ["<br>", "<b>", "</b>", "<!--", "-->", "<", ">", "&", "&amp;", "&#34;", "&#x41;", "&lt;", "&shy;", "&zwj;"]
    ),
    st.sampled_from(
        ["#", "x41", ";", "lt", "amp;", "&#x301;", "＆", "＜", "&NotEqualTilde;", "&#xfdfa;", "&not", "in;"]
    ),
    st.sampled_from(
        ["great", "The", ".", "!", "?", " ", "\n", "\u00a0", "😀", "❤", "\u200b", "\u200d", "\ufe0f", "\x00", "\u00ad"]
    ),
    st.sampled_from(
        [
            "http://a.b/c",
            "www.",
            "me@you.org",
            "@",
            "很",
            "。",
            "です",
            "แย่",
            "최고",
            "-",
            '"',
            "<3",
            "é",
            "e\u0301",
            "=",
            "\u0338",
            "\u0344" * 20,
        ]
    ),
    st.sampled_from(["don't", "A", "1\ufe0f\u20e3", "\ud800", "🏴\U000e0067"]),
    st.text(max_size=8),
)
TEXTS = st.lists(PIECES, max_size=14).map("".join)
QUICK = settings(max_examples=300, deadline=None)


@QUICK
@given(TEXTS)
@example("me@you.org1\ufe0f\u20e3")
@example("<A <b> x>")
@example("&" + "amp;" * 50 + "lt;b>")
@example("&l&amp;#116;; b")
def test_a_clean_text_is_left_as_it_is(text):
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned


@QUICK
@given(TEXTS)
def test_a_clean_text_is_nfkc_folded_and_free_of_tags_links_and_control_characters(text):
    cleaned = clean_text(text)
    assert unicodedata.is_normalized("NFKC", cleaned)
    assert cleaned == " ".join(cleaned.split())
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u00ad\u200b\u2066]", cleaned)
    assert not re.search(r"</?[abAB](?:[ /]*| [a-z]+ ?=[^<>]{0,400})>", cleaned)
    assert not re.search(r"(?i)\bhttps?://[^\s<>\"]", cleaned)


GLUED = ["质量太差了", "最悪です", "คุณภาพแย่มาก", "ຄຸນນະພາບບໍ່ດີ", "ဆိုးတယ်", "អន់ណាស់", "སྡུག་ཅག་", "최악이에요", "👎👎", "。"]


@pytest.mark.parametrize("words", GLUED)
@pytest.mark.parametrize("address", ["https://x.org/a?b=1#c", "www.x.org/a", "me.too+x@mail.x.org"])
def test_an_address_takes_no_words_with_it_that_are_written_on_to_it(words, address):
    assert clean_text(f"{words}{address}{words}") == f"{words} {words}"
    assert clean_text(f"{words}{address} ok") == f"{words} ok"


WORDS = st.sampled_from(["great", "The", "phone", "it's", "😀", "!", ",", "A1", "ok.", "WOW!!!", ":-)", "(◕‿◕)", "<3"])


@QUICK
@given(st.lists(WORDS, max_size=9).map(" ".join))
def test_ordinary_words_and_emoticons_are_left_as_they_are(text):
    assert clean_text(text) == text


@QUICK
@given(st.text(st.characters(exclude_categories=("Cs", "M", "Cf")), max_size=30), st.integers(0, 5))
def test_a_text_may_be_escaped_any_number_of_times(text, times):
    escaped = text
    for _ in range(times):
        escaped = html.escape(escaped)
    assert clean_text(escaped) == clean_text(text)


@pytest.mark.parametrize("name", ["&apos;", "&hellip", "&notit;", "&#128;", "&#0;", "&#x110000;", "&fjlig;", "&nope;"])
def test_an_entity_becomes_what_htmls_rules_say(name):
    assert unescaped(f"a {name} b") == unicodedata.normalize("NFKC", html.unescape(f"a {name} b"))


def test_a_number_too_long_for_a_character_is_left_and_ends_nothing():
    assert clean_text(f"&#{'9' * 5000};") == f"&#{'9' * 5000};"


def test_a_text_beyond_the_longest_is_cut_and_that_is_told():
    assert clean_text("a" * (LONGEST_TEXT + 1)) == "a" * LONGEST_TEXT
    assert (was_cut("a" * LONGEST_TEXT), was_cut("a" * (LONGEST_TEXT + 1))) == (False, True)


@QUICK
@given(TEXTS, st.integers(1, 40))
def test_a_cut_text_is_clean_and_never_longer_than_the_longest(text, longest):
    cleaned = clean_text(text, longest)
    assert len(cleaned) <= longest
    assert clean_text(cleaned, longest) == cleaned


# Where spaces part words: a letter of each such script, with signs that stand between.
SPACED = "aZ9éßñőΩжЇאبپहाதಕ가힣ơệԱაአ,.!?-'“”–…€😀👍🏽\u200d\u0301 "


@QUICK
@given(st.text(st.one_of(st.sampled_from(SPACED), st.characters(max_codepoint=0xDFF)), min_size=1))
def test_words_of_scripts_with_spaces_are_what_spaces_part(text):
    assert word_count(text) == len(text.split(" "))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("好", 1),
        ("很好,很好!", 1),
        ("这个手机的质量太差了,用了两天就坏了,客服也不理人。", 7),
        ("とても良い商品です。また買います。", 5),
        ("คุณภาพแย่มาก ไม่แนะนำให้ซื้อ", 5),
        ("这个iPhone很好用 but it broke", 4),
        ("it is 好 enough", 4),
    ],
)
def test_words_of_scripts_without_spaces_are_counted_by_their_letters(text, words):
    assert word_count(text) == words


def patterns() -> dict[str, re.Pattern[str]]:
    """Return every pattern of the package of texts."""
    names = [module.name for module in pkgutil.iter_modules(sentiment.core.text.__path__, "sentiment.core.text.")]
    modules = [importlib.import_module(name) for name in names]
    return {
        f"{module.__name__.rpartition('.')[2]}{name}": value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, re.Pattern)
    }


HOSTILE = ["<!--", "&aaab;", "<", "<a", "<b ", "&#65;", "&amp;", "a@", "a.", "@-.", "-", "www.", "<www.", "<http://a"]
HOSTILE += [
    "aa.",
    ".",
    "!",
    "\u200d",
    "❤\u200d",
    "\u0301\u0316",
    "\U000e0067",
    "a1",
    "<a@b.",
    "/>",
    " ",
    "http://",
    "x",
]
BITS = st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=3).map("".join)
LENGTH, STEPS_A_CHARACTER = 1_500, 200


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(BITS, BITS, BITS)
@example("❤", "\u200d", "❤")
@example("", "<!--", "")
@example("@", "-.", "")
@example("a", ".", "@")
def test_no_pattern_looks_at_a_character_more_than_a_fixed_number_of_times(first, unit, last):
    text = f"{first}{unit * (LENGTH // len(unit))}{last}"
    steps = {name: Steps(pattern).search_all(text) for name, pattern in patterns().items()}
    assert max(steps.values()) <= STEPS_A_CHARACTER * len(text), steps


def test_the_count_of_steps_tells_a_quadratic_pattern():
    for quadratic, text in ((r"<!--.*-->", "<!--" * (LENGTH // 4)), (r"a+(?![ab])", "a" * (LENGTH // 2) + "b")):
        assert Steps(re.compile(quadratic)).search_all(text) > STEPS_A_CHARACTER * len(text)


def test_contractions_and_lower_case_are_written_out_only_when_asked():
    text = "I DON'T think it won’t, can't or isn't: it's fine"
    assert clean(text, IngestOptions()) == text
    asked = clean(text, IngestOptions(expand_contractions=True, lower_case=True))
    assert asked == "i do not think it will not, cannot or is not: it is fine"


@pytest.mark.parametrize("given", ["nan", "None", "N/A", "<b>null</b>", " #N/A ", "undefined", "NA", "\\N", "-"])
def test_what_programs_write_for_a_title_that_is_missing_is_none_on_every_way_in(given):
    ways = [
        cell_text(given),
        clean(given, IngestOptions()),
        review("imdb", {"text": "Good", "label": 1, "title": given}).title,
        review("amazon_polarity", {"text": "Good", "label": 1, "title": given}).title,
        read_fasttext(f"__label__2 {given}: Good").title,
    ]
    assert ways == [""] * 5
    assert clean(f"{given} it is", IngestOptions()) == clean_text(f"{given} it is") != ""
