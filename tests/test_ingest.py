"""Ingestion: what becomes of good lines, bad lines, repetitions and files that come again."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from deltalake import DeltaTable

from conftest import raw_review
from killed_lake import CrashedError, KilledLake
from sentiment.core.errors import ConcurrentWriteError, ContractError, UnavailableError
from sentiment.core.provenance import provenance
from sentiment.core.settings import Settings
from sentiment.ingest import job, products
from sentiment.ingest.arrival import whole_delivery
from sentiment.ingest.config import ImportHistoryConfig, ImportResult, IngestConfig
from sentiment.ingest.job import Ingestion, ingest_delivery
from sentiment.ingest.judge import Rules
from sentiment.ingest.verbs import IMPORT_HISTORY, INGEST
from sentiment.readers.jsons import ARRAY
from sentiment.readers.times import ROUNDED
from sentiment.stores.lake.schemas import QUARANTINE, REVIEWS
from sentiment.stores.lake.tables import Lake
from sentiment.views.days import late_days, missing_reviews
from verbs_here import done

pytestmark = pytest.mark.spark

DAY = date(2014, 5, 5)
FILE = f"{DAY}.jsonl"


@pytest.fixture
def lake(home, spark) -> Lake:
    """The lake of the test's home; Spark is up."""
    return Lake(str(home / "lake"))


def ingest(day=DAY, **options):
    return done(INGEST, IngestConfig(day=day, **options))


def rows(lake, spec=REVIEWS, version=None):
    """Return a table's rows in a fixed order, without the moment of their ingestion."""
    found = lake.read(spec, version=version).to_pylist()
    for row in found:
        for one in (row, *(row.get("displaced") or ())):
            one.pop("ingested_at", None)
    return sorted(found, key=lambda row: (row.get("review_key", ""), row.get("line", 0), row["source_file"]))


def users(lake, *days):
    found = lake.read(REVIEWS, (days[0], days[-1]) if days else None, ["user_id"])
    return sorted(found["user_id"].to_pylist())


def without(*names):
    return {name: value for name, value in raw_review(DAY).items() if name not in names}


def milliseconds(moment):
    return int(moment.timestamp() * 1000)


# Every kind of bad line, and the reason that an operator reads.
NAMED = "--columns timestamp=timestamp takes dates and seconds"
NO_MILLISECONDS, BEFORE_1995 = (
    f"timestamp is not a number of milliseconds; {NAMED}",
    f"timestamp lies before 1995, as seconds would; {NAMED}",
)
BAD_LINES = [
    ("this is no JSON", "the line is not a JSON object"),
    ('{"rating": 5.0, "text": "cut in the mid', "the line is not a JSON object"),
    ("[1, 2]", ARRAY),
    ("null", "the line is not a JSON object"),
    ("9" * 5000, "the line is not a JSON object"),
    ('{"a":' * 100_000, "the line is not a JSON object"),
    (json.dumps(raw_review(DAY)) + json.dumps(raw_review(DAY)), "the line holds more than one JSON object"),
    (json.dumps(raw_review(DAY)) + " garbage }", "the line holds more than one JSON object"),
    ('"only a string"', "the line is not a JSON object"),
    (json.dumps(raw_review(DAY))[:-1] + ', "text": "Another text"}', "the line gives one name several values"),
    (json.dumps(raw_review(DAY))[:-1] + ', "rating": 1.0}', "the line gives one name several values"),
    (without("rating"), "rating is missing"),
    *((raw_review(DAY, rating=given), "rating is missing") for given in (None, "")),
    (raw_review(DAY, rating="many"), "rating is not a number"),
    (raw_review(DAY, rating=float("nan")), "rating is not a number"),
    *((raw_review(DAY, rating=given), "rating is not a number") for given in ("5d", "4,0", True, "5つ星のうち3", [5])),
    (raw_review(DAY, rating=0), "rating is outside 1 to 5"),
    (raw_review(DAY, rating=5.5), "rating is outside 1 to 5"),
    (without("text"), "text is missing"),
    (raw_review(DAY, text=None), "text is missing"),
    *((raw_review(DAY, text=given), "text is missing") for given in (True, ["Great"], {"en": "Great"}, float("nan"))),
    (raw_review(DAY, title=10**400, timestamp="yesterday"), NO_MILLISECONDS),
    (raw_review(DAY, rating=10**400), "rating is outside 1 to 5"),
    (raw_review(DAY, text=""), "text is white space only"),
    (raw_review(DAY, text=" \t\u00a0\u2003\r\n"), "text is white space only"),
    *(
        (raw_review(DAY, text=given), "text holds nothing but markup, links or white space")
        for given in ("<br /> http://x.example/y", "<p>N/A</p>", "nan<br>")
    ),
    (without("timestamp"), "timestamp is missing"),
    (raw_review(DAY, timestamp="yesterday"), NO_MILLISECONDS),
    (raw_review(DAY, timestamp="1.39929E+12"), ROUNDED),
    (raw_review(DAY, timestamp=10**17), NO_MILLISECONDS),
    (raw_review(DAY, timestamp=milliseconds(datetime.now(UTC) + timedelta(1))), "timestamp lies in the future"),
    *(
        (raw_review(DAY, timestamp=given), NO_MILLISECONDS)
        for given in (True, "2014-05-05T10:00:00Z", 1399291200000.5, 10**30, float("inf"))
    ),
    *((raw_review(DAY, timestamp=given), BEFORE_1995) for given in (-1, 0, milliseconds(datetime.now(UTC)) // 1000)),
    (without("asin", "parent_asin"), "asin and parent_asin are both missing"),
    *(
        (raw_review(DAY, asin=given, parent_asin=given), "asin and parent_asin are both missing")
        for given in ("", "  ", "nan", None)
    ),
    (
        raw_review(DAY, parent_asin=594481813.0),
        "parent_asin is a fraction; a program has taken it for a number, write it as text",
    ),
    (raw_review(DAY + timedelta(1)), "the review is of 2014-05-06 in UTC, the file of 2014-05-05"),
    (
        raw_review(DAY - timedelta(61)),
        "the review is of 2014-03-05 in UTC, the file of 2014-05-05, and reviews are taken from 2014-03-06 on",
    ),
]


def test_every_kind_of_bad_line_is_quarantined_with_reason_file_line_and_raw_text(lake, land):
    bad = [line if isinstance(line, str) else json.dumps(line) for line, _ in BAD_LINES]
    good = [raw_review(DAY, number) for number in range(5)]
    again = [
        raw_review(DAY, 0, text="The same user on the same product an hour later.", timestamp=good[0]["timestamp"])
    ]
    land(FILE, [good[0], "", *bad, *good[1:], *again])  # an empty line is no line, but it counts as a number

    result = ingest(max_bad_share=0.95)
    assert {name: result[name] for name in ("read", "kept", "duplicate", "rejected")} == {
        "read": len(bad) + 6,
        "kept": 5,
        "duplicate": 1,
        "rejected": len(bad),
    }
    assert sum(result["reasons"].values()) == len(bad)
    quarantined = rows(lake, QUARANTINE)
    assert [(row["line"], row["raw"], row["reason"]) for row in quarantined] == [
        (number, line, reason) for number, (line, (_, reason)) in enumerate(zip(bad, BAD_LINES, strict=True), 3)
    ]
    assert {(row["source_file"], row["ingest_date"]) for row in quarantined} == {(FILE, DAY)}
    assert users(lake) == ["U0", "U1", "U2", "U3", "U4"]


def test_the_share_that_is_allowed_is_allowed_however_a_float_writes_it(lake, land):
    land(FILE, [raw_review(DAY, number) for number in range(71)] + ["no JSON"] * 29)
    assert 29 > 0.29 * 100
    assert ingest(max_bad_share=0.29)["rejected"] == 29


def test_more_bad_lines_than_allowed_fail_the_day_and_write_nothing(lake, land):
    land(FILE, [raw_review(DAY, number) for number in range(7)] + ["no JSON"] * 3)

    with pytest.raises(ContractError, match=r"3 of 10 lines in .*2014-05-05\.jsonl are bad \(30%, the limit is 20%\)"):
        ingest()
    assert not lake.written_days(REVIEWS, [DAY])
    assert (lake.state(REVIEWS).version, lake.state(QUARANTINE).version) == (0, 0)


def test_too_many_bad_lines_are_told_with_the_worst_file_and_its_first_bad_line(home, land):
    good = [raw_review(DAY, number) for number in range(6)]
    land("many/1.jsonl", [*good[:2], "no JSON"])
    land("many/2.jsonl", [good[2], without("text"), "no JSON", "no JSON", without("rating"), good[3]])
    land("many/3.jsonl", good[4:])
    with pytest.raises(ContractError) as raised:
        done(IMPORT_HISTORY, ImportHistoryConfig(source=str(home / "landing/many")))
    told = str(raised.value)
    assert "5 of 11 lines in 3 files are bad (45%, the limit is 20%): 3 times the line is not a JSON object" in told
    assert "; most of them, 4, in many/2.jsonl, the first in line 2: text is missing. Nothing was written" in told


def test_a_day_that_was_cut_in_another_zone_is_refused_with_what_to_do_instead_and_import_history_takes_it(lake, land):
    hours = [(datetime(2014, 5, 5, 12, tzinfo=UTC) + timedelta(hours=n)).timestamp() * 1000 for n in range(19)]
    file = land(FILE, [raw_review(DAY, n, timestamp=int(hour)) for n, hour in enumerate(hours)])
    with pytest.raises(ContractError) as raised:
        ingest()
    told = str(raised.value)
    assert "the first in line 13: the review is of 2014-05-06 in UTC, the file of 2014-05-05. Nothing was" in told
    assert told.endswith("at midnight UTC, or have import-history take them, which takes reviews of any day")
    done(IMPORT_HISTORY, ImportHistoryConfig(source=str(file)))
    assert (len(users(lake, DAY)), len(users(lake, DAY + timedelta(1)))) == (12, 7)
    assert late_days(DAY + timedelta(3), Settings()) == []


def test_a_review_has_the_columns_of_the_table_cleaned_and_typed(lake, land):
    moment = datetime(2014, 5, 5, 23, 59, 59, 999_000, tzinfo=UTC)
    land(
        FILE, [raw_review(DAY, title="So<br/>good", text="It is great.The&nbsp;best!!", timestamp=milliseconds(moment))]
    )
    before = datetime.now(UTC)
    ingest()

    (row,) = lake.read(REVIEWS).to_pylist()
    assert (row["title"], row["text"], row["word_count"]) == ("So good", "It is great. The best!!", 5)
    assert (row["timestamp"], row["review_date"], row["rating"]) == (moment, DAY, 5.0)
    assert (row["user_id"], row["asin"], row["parent_asin"], row["category"]) == ("U0", "A0", "P0", "unknown")
    assert before <= row["ingested_at"] <= datetime.now(UTC)
    assert len(row["review_key"]) == 32


def test_optional_fields_are_optional(lake, land):
    anonymous = [without("user_id", "title", "images", "asin"), without("user_id", "parent_asin")]
    anonymous[1]["text"] = "Another one without a name, of another kind."
    land(FILE, [{**review, "parent_asin": "P0"} if "asin" not in review else review for review in anonymous])

    assert ingest()["kept"] == 2
    assert [
        (row["user_id"], row["asin"], row["parent_asin"]) for row in lake.read(REVIEWS).sort_by("asin").to_pylist()
    ] == [
        (None, "A0", "A0"),
        (None, "P0", "P0"),
    ]


def test_the_latest_of_a_users_reviews_of_a_product_wins_and_equal_texts_of_a_product_count_once(lake, land):
    noon = raw_review(DAY)["timestamp"]
    same = "Exactly the same words about this thing, written by two."
    land(
        FILE,
        [
            raw_review(DAY, 1, parent_asin="P", text="My last word about it.", timestamp=noon + 5_000),
            raw_review(DAY, 1, parent_asin="P", text="My first word about it.", timestamp=noon),
            raw_review(DAY, 1, parent_asin="Q", text="The same user on another product.", timestamp=noon),
            raw_review(DAY, 2, parent_asin="P", text=same, timestamp=noon + 1_000),
            raw_review(DAY, 3, parent_asin="P", text=f"<b>{same}</b>", timestamp=noon + 2_000),
            raw_review(DAY, 3, parent_asin="Q", text=same, timestamp=noon + 2_000),
        ],
    )
    result = ingest()

    assert (result["read"], result["kept"], result["duplicate"]) == (6, 4, 2)
    assert sorted((row["user_id"], row["parent_asin"], row["text"]) for row in rows(lake)) == [
        ("U1", "P", "My last word about it."),
        ("U1", "Q", "The same user on another product."),
        ("U2", "P", same),
        ("U3", "Q", same),
    ]


@pytest.mark.parametrize(
    ("words", "kept"), [("Good", 4), ("It is a very good app", 4), ("I use it on my way to work", 2)]
)
def test_in_few_words_many_people_say_the_same_and_in_more_it_is_a_copy(lake, land, words, kept):
    # One of them stands there again, as a delivery may hold it; its time is more than a minute of many people's.
    said = [
        raw_review(DAY, n, user_id=user, parent_asin="App", text=words) for n, user in enumerate((None, None, "A", "B"))
    ]
    land(FILE, [*said, said[1], raw_review(DAY, 9, user_id="B", parent_asin="App", text=f"{words}!")])
    assert (ingest()["kept"], len(rows(lake))) == (kept, kept)


def test_ingesting_a_day_twice_leaves_the_same_rows(lake, land):
    land(FILE, [*(raw_review(DAY, number) for number in range(9)), "no JSON"])
    first = ingest(max_bad_share=0.1)  # the limit itself is allowed
    reviews, quarantined = rows(lake), rows(lake, QUARANTINE)
    second = ingest()

    assert rows(lake) == reviews
    assert rows(lake, QUARANTINE) == quarantined
    assert {**first, "reviews_version": 0} == {**second, "reviews_version": 0}
    newest = lake.open(REVIEWS).history(1)[0]
    assert (newest["read"], newest["rejected"], newest["rows"], newest["days"]) == ("10", "1", "9", str(DAY))
    assert newest["run_id"].startswith("shell-")


def test_a_corrected_file_replaces_its_rows_and_its_quarantine(lake, land):
    land(FILE, [*(raw_review(DAY, number) for number in range(5)), "no JSON"])
    ingest()
    land(
        FILE,
        [raw_review(DAY, 1), raw_review(DAY, 2, text="Corrected: it broke after two days of use."), raw_review(DAY, 9)],
    )
    ingest()

    assert users(lake) == ["U1", "U2", "U9"]
    assert [row["text"] for row in rows(lake) if row["user_id"] == "U2"] == [
        "Corrected: it broke after two days of use."
    ]
    assert rows(lake, QUARANTINE) == []


def test_a_days_files_are_one_delivery_under_whatever_names_and_what_it_no_longer_holds_goes_and_is_counted(lake, land):
    first = land(f"{DAY}/morning.jsonl", [raw_review(DAY, 1), raw_review(DAY, 2), "no JSON"])
    ingest(max_bad_share=0.5)
    land(f"{DAY}/evening.jsonl", [raw_review(DAY, 3)])
    assert (ingest(max_bad_share=0.5)["gone"], users(lake)) == (0, ["U1", "U2", "U3"])
    first.unlink()
    land(f"{DAY}/part-0001.jsonl.gz", [raw_review(DAY, 2), "no JSON either"])
    assert (ingest(max_bad_share=0.5)["gone"], users(lake)) == (1, ["U2", "U3"])
    assert [row["raw"] for row in rows(lake, QUARANTINE)] == ["no JSON either"]


def test_a_landing_that_is_mounted_elsewhere_is_the_same_landing(home, lake, land, monkeypatch):
    land(FILE, [raw_review(DAY, 1), raw_review(DAY, 2), "no JSON"])
    ingest(max_bad_share=0.5)
    (home / "landing").rename(home / "mounted")
    (home / "link").symlink_to(home / "mounted")
    monkeypatch.setenv("SENTIMENT_LANDING", str(home / "link"))
    land(f"../mounted/{FILE}", [raw_review(DAY, 2)])
    assert (ingest()["gone"], users(lake), rows(lake, QUARANTINE)) == (1, ["U2"], [])


def test_a_review_that_two_deliveries_hold_survives_the_correction_of_one(home, lake, land):
    history = land("../history/old.jsonl", [raw_review(DAY, 1, text="As the history has it, in its own words.")])
    done(IMPORT_HISTORY, ImportHistoryConfig(source=str(history)))
    land(FILE, [raw_review(DAY, 1), raw_review(DAY, 2)])
    assert ingest()["kept"] == 2
    land(FILE, [raw_review(DAY, 2)])
    assert (ingest()["gone"], users(lake)) == (0, ["U1", "U2"])
    assert {row["text"] for row in rows(lake)} >= {"As the history has it, in its own words."}


def test_late_reviews_go_into_the_days_that_they_are_of_and_go_with_their_file(lake, land):
    earlier, later = DAY - timedelta(1), DAY
    land(f"{earlier}.jsonl", [raw_review(earlier, 1)])
    ingest(earlier)
    land(f"{later}.jsonl", [raw_review(later, 2), raw_review(earlier, 3)])
    assert ingest(later)["touched"] == [str(earlier), str(later)]
    assert (users(lake, earlier), users(lake, later)) == (["U1", "U3"], ["U2"])
    assert ingest(earlier)["gone"] == 0
    land(f"{later}.jsonl", [raw_review(later, 2)])
    result = ingest(later)
    assert (result["touched"], result["gone"]) == ([str(earlier), str(later)], 1)
    assert (users(lake, earlier), users(lake, later)) == (["U1"], ["U2"])


def test_the_same_lines_give_the_same_lake_as_a_history_and_as_daily_files(home, lake, land, monkeypatch):
    days = [DAY - timedelta(n) for n in range(3)]
    same = "Exactly the same words about this thing, written by two."
    lines = {
        day: [
            raw_review(day, 1, parent_asin="P"),
            raw_review(day, 2, parent_asin="P", text=same),
            raw_review(day, 3, parent_asin="P", text=same, rating=1),
        ]
        for day in days
    }
    for day in days:
        land(f"{day}.jsonl", lines[day])
        ingest(day)
    one_by_one = rows(lake)
    monkeypatch.setenv("SENTIMENT_LAKE", str(home / "other"))
    done(IMPORT_HISTORY, ImportHistoryConfig(source=str(home / "landing")))
    assert rows(Lake(str(home / "other"))) == one_by_one
    assert len(one_by_one) == 6


def test_a_delivery_that_comes_again_as_it_was_has_nothing_that_is_gone(lake, land):
    same = "Exactly the same words about this thing, written by two."
    noon = raw_review(DAY)["timestamp"]
    lines = [raw_review(DAY, user, parent_asin="P", text=same, timestamp=noon + user) for user in (1, 2)]
    lines += [raw_review(DAY, 3, parent_asin="P", timestamp=noon + later) for later in (0, 5_000)]
    for _ in range(3):
        land(FILE, lines)
        assert {name: ingest()[name] for name in ("kept", "duplicate", "gone")} == {
            "kept": 2,
            "duplicate": 2,
            "gone": 0,
        }
    land(FILE, lines[1:])  # what stood for the other is gone, and the other stands
    assert (ingest()["gone"], users(lake)) == (1, ["U2", "U3"])


def test_nobody_is_nobodys_second_one_however_a_program_writes_it(lake, land):
    names = [None, "", "  ", "nan", "None", "null", "A Google user", "Anonymous", "Amazon Customer"]
    names += ["NA", "\\N", "(null)", "-", "-1", "0", 0, "Guest", "7.65612E+16"]
    lines = [raw_review(DAY, n, user_id=name, parent_asin="P") for n, name in enumerate(names)]
    land(FILE, [*lines, {**raw_review(DAY, 20, parent_asin=""), "asin": "B1"}, raw_review(DAY, 21, parent_asin="nan")])
    assert ingest()["kept"] == len(names) + 2
    found = rows(lake)
    assert [row["user_id"] for row in found if row["parent_asin"] == "P"] == [None] * len(names)
    assert {row["parent_asin"] for row in found} == {"P", "B1", "A0"}


def test_a_user_whose_id_a_program_took_for_a_number_is_the_same_user(lake, land):
    noon = raw_review(DAY)["timestamp"]
    ids = [594481813, "594481813", 594481813.0, "594481813.0"]
    land(FILE, [raw_review(DAY, n, user_id=name, parent_asin="P", timestamp=noon + n) for n, name in enumerate(ids)])
    assert (ingest()["kept"], users(lake)) == (1, ["594481813"])


def test_numbers_as_programs_write_them_are_the_same_moment(lake, land):
    noon = raw_review(DAY)["timestamp"]
    forms = [noon, float(noon), str(noon), f" {noon} ", f"{noon}.0", f"{noon}.000"]
    text = [
        json.dumps(raw_review(DAY, n, timestamp="T")).replace('"T"', json.dumps(form)) for n, form in enumerate(forms)
    ]
    text.append(json.dumps(raw_review(DAY, 8, timestamp="T")).replace('"T"', f"{noon / 1e12}E12"))
    land(FILE, text)
    assert ingest()["kept"] == len(forms) + 1
    assert {row["timestamp"] for row in rows(lake)} == {datetime(2014, 5, 5, 12, tzinfo=UTC)}


def test_a_byte_order_mark_costs_no_review(home, lake, land):
    two = [land(name, [raw_review(DAY, n), raw_review(DAY, n + 1)]) for name, n in ((FILE, 1), ("../evening.jsonl", 3))]
    marked = [b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") for path in two]
    two[0].write_bytes(b"".join(marked))  # as `cat` puts two files together
    assert (ingest()["kept"], users(lake)) == (4, ["U1", "U2", "U3", "U4"])


def test_a_history_and_a_day_that_overlap_double_nothing(home, lake, land):
    days = [DAY + timedelta(n) for n in (-2, 0, 1)]
    reviews = {day: [raw_review(day, 10 * at + number) for number in range(3)] for at, day in enumerate(days)}
    history = land("../history/old.jsonl.gz", [line for day in days for line in reviews[day]])
    land("../history/meta_old.jsonl", [{"parent_asin": "P0", "main_category": "Toys"}])
    for name in ("b.csv.zip", "c.xlsx", "d/e.jsonl.xz", ".hidden.txt", "_SUCCESS"):
        land(f"../history/{name}", [])
    result = done(IMPORT_HISTORY, ImportHistoryConfig(source=str(history.parent)))

    assert ImportResult(**result).sentences() == [
        "9 lines of 1 file read: 9 kept, 0 duplicate, 0 rejected.",
        "4 others are not read, by what they are called: b.csv.zip, c.xlsx, d/e.jsonl.xz and 1 more.",
    ]
    # Lines of several days are let in, in one commit; of the day between it says nothing.
    assert (result["read"], result["kept"], result["rejected"], result["files"]) == (9, 9, 0, 1)
    assert lake.written_days(REVIEWS, [DAY + timedelta(n) for n in range(-3, 3)]) == {
        DAY + timedelta(n) for n in (-2, 0, 1)
    }
    assert lake.open(REVIEWS).history(1)[0]["days"] == f"{days[0]}..{days[-1]}"

    land(FILE, [*reviews[DAY], raw_review(DAY, 99)])
    assert ingest()["kept"] == 4
    assert users(lake, DAY) == ["U10", "U11", "U12", "U99"]
    assert users(lake, DAY + timedelta(1)) == ["U20", "U21", "U22"]
    done(IMPORT_HISTORY, ImportHistoryConfig(source=str(history)))
    assert lake.read(REVIEWS).num_rows == 10


def test_the_category_is_the_second_level_of_the_products_path(home, lake, land, caplog):
    products = [
        {"parent_asin": "P1", "main_category": "All", "categories": ["Electronics", "Cameras", "Lenses"]},
        {"parent_asin": "P2", "main_category": "All", "categories": ["Books"]},
        {"parent_asin": "P3", "main_category": "Toys", "categories": []},
        {"parent_asin": "P4", "main_category": "Games"},
        {"parent_asin": "P5"},
        # As Amazon's products of 2018 and of 2014 are written, and those of others.
        {"asin": "P7", "main_cat": "All Electronics", "category": ["Electronics", "Camera &amp; Photo", "Lenses"]},
        {"asin": "P8", "main_cat": "Toys", "category": []},
        {"asin": "P9", "categories": [["Electronics", "Radios"], ["Gifts"]]},
        {"asin": "P10", "category": "Books"},
    ]
    land("../products/meta_some.jsonl.gz", [*products, "{'asin': 'P11', 'categories': [['Books']]}", {"title": "?"}])
    land(FILE, [raw_review(DAY, number, parent_asin=f"P{number}") for number in range(1, 12)])
    ingest()

    assert {row["parent_asin"]: row["category"] for row in rows(lake)} == {
        "P1": "Cameras",
        "P2": "Books",
        "P3": "Toys",
        "P4": "Games",
        "P5": "unknown",
        "P6": "unknown",
        "P7": "Camera & Photo",
        "P8": "Toys",
        "P9": "Radios",
        "P10": "Books",
        "P11": "unknown",
    }
    assert "2 lines of the product files" in caplog.text
    assert "no JSON object with parent_asin or asin" in caplog.text


def test_product_files_are_read_when_one_of_them_changed_and_never_in_vain(home, lake, land, monkeypatch):
    def kept() -> str:
        ingest()
        return rows(lake)[0]["category"]

    land("../products/meta_some.jsonl", [{"parent_asin": "P1", "main_category": "Toys"}])
    land(FILE, [raw_review(DAY, 1)])
    assert kept() == "Toys"
    with monkeypatch.context() as unread:
        unread.setattr("sentiment.ingest.products.read_lines", None)
        assert kept() == "Toys"
    land("../products/meta_some.jsonl", [{"parent_asin": "P1", "main_category": "Games"}])
    assert kept() == "Games"
    (home / "categories.parquet").write_bytes(b"PAR1 torn")
    assert kept() == "Games"
    land("../products/meta_more.jsonl", [{"parent_asin": "P1", "main_category": "Bells"}])
    assert kept() == "Bells"


def test_a_product_file_that_is_still_being_copied_is_tried_again(home, lake, land, monkeypatch):
    path = land("../products/meta_some.jsonl.gz", [{"parent_asin": "P1", "main_category": "Toys"}] * 99)
    whole, read = path.read_bytes(), products._read
    path.write_bytes(whole[:-9])
    land(FILE, [raw_review(DAY, 1)])
    with pytest.raises(ContractError, match="cannot be read"):
        ingest()

    def meanwhile(*given):
        found = read(*given)
        path.write_bytes(whole)
        return found

    with monkeypatch.context() as copied:
        copied.setattr(products, "_read", meanwhile)
        with pytest.raises(UnavailableError, match="still being written"):
            ingest()
    assert ingest()["kept"] == 1


def test_a_days_own_file_is_looked_for_until_it_came_whatever_else_put_reviews_into_its_day(home, lake, land):
    next_day = DAY + timedelta(1)
    land("export.jsonl", [*(raw_review(DAY, n) for n in (1, 7, 8, 9)), raw_review(next_day, 1), "no JSON"])
    done(IMPORT_HISTORY, ImportHistoryConfig(source=str(home / "landing" / "export.jsonl")))
    land(FILE, [raw_review(DAY, 1)])  # which the lake has
    land(f"{next_day}.jsonl", [])
    assert late_days(DAY + timedelta(3), Settings()) == [DAY, next_day]
    ingest()
    ingest(day=next_day)
    assert late_days(DAY + timedelta(3), Settings()) == []
    land(f"{DAY + timedelta(2)}.jsonl", [raw_review(DAY, 2), raw_review(next_day, 2)])
    ingest(day=DAY + timedelta(2))  # late ones
    assert late_days(DAY + timedelta(3), Settings()) == []
    DeltaTable(lake.uri(REVIEWS)).delete(f"review_date <= '{next_day}'")  # another program's deletion stays one
    assert lake.written_days(REVIEWS, [DAY, next_day]) == set()
    assert late_days(DAY + timedelta(3), Settings()) == []


def test_a_day_that_came_as_a_history_before_leaves_nothing_twice(lake, land, home):
    later = raw_review(DAY + timedelta(1), 3)
    land(FILE, [raw_review(DAY, 1), raw_review(DAY, 2), later, "no JSON"])
    done(IMPORT_HISTORY, ImportHistoryConfig(source=str(home / "landing" / FILE), max_bad_share=0.5))
    assert users(lake, DAY + timedelta(1)) == [later["user_id"]]
    ingest(max_bad_share=0.5)
    assert users(lake, DAY + timedelta(1)) == []
    rejected = [row["reason"] for row in rows(lake, QUARANTINE)]
    assert sorted(rejected) == [
        "the line is not a JSON object",
        "the review is of 2014-05-06 in UTC, the file of 2014-05-05",
    ]


def test_reviews_that_were_let_in_from_farther_back_are_replaced_by_a_run_that_takes_none(lake, land):
    early = DAY - timedelta(100)
    land(FILE, [raw_review(DAY, 1), raw_review(early, 2)])
    ingest(late_days=120)
    assert users(lake, early) == ["U2"]
    land(FILE, [raw_review(DAY, 1)])
    assert (ingest()["gone"], users(lake)) == (1, ["U1"])


@pytest.mark.parametrize("days", [-100, 100])
def test_what_a_history_let_in_from_a_days_file_goes_when_the_day_comes_without_it(home, lake, land, days):
    far = DAY + timedelta(days)
    land(FILE, [raw_review(DAY, 1), raw_review(far, 2)])
    done(IMPORT_HISTORY, ImportHistoryConfig(source=str(home / "landing")))
    assert users(lake, far) == ["U2"]
    land(FILE, [raw_review(DAY, 1)])
    assert (ingest()["gone"], users(lake)) == (1, ["U1"])


def test_of_two_imports_of_one_history_before_and_after_its_correction_one_wins(lake, land, monkeypatch):
    source = land("../history.jsonl", [raw_review(DAY, 1)])
    write, began = job._write_reviews, list[object]()

    def meanwhile(*given):
        written = write(*given)
        if not began:
            began.append(source)
            land("../history.jsonl", [raw_review(DAY + timedelta(3), 1)])
            done(IMPORT_HISTORY, ImportHistoryConfig(source=str(source)))
        return written

    monkeypatch.setattr(job, "_write_reviews", meanwhile)
    with pytest.raises(ConcurrentWriteError, match="another run wrote"):
        done(IMPORT_HISTORY, ImportHistoryConfig(source=str(source)))
    assert [row["review_date"] for row in rows(lake)] == [DAY + timedelta(3)]


def test_the_commits_name_the_task_and_the_code_that_made_them(lake, land, monkeypatch):
    land(FILE, [raw_review(DAY, 1), "no review"])
    for name in ("DAG_ID", "DAG_RUN_ID"):
        monkeypatch.setenv(f"AIRFLOW_CTX_{name}", name)
    ingest(max_bad_share=0.5)
    for spec in (REVIEWS, QUARANTINE):
        newest = lake.open(spec).history()[0]
        assert (newest["dag"], newest["run"], newest["run_id"]) == ("DAG_ID", "DAG_RUN_ID", "DAG_RUN_ID")
        assert newest.get("git_commit", "") == provenance().get("git_commit", "")


def test_an_ingestion_that_loses_leaves_the_quarantine_too(lake, land, monkeypatch):
    write, began = job._write_reviews, list[object]()

    def meanwhile(*given):
        written = write(*given)
        if not began:
            began.append(given)
            land(FILE, [raw_review(DAY, 1)])
            ingest()
            land(FILE, bad)
        return written

    bad = [*(raw_review(DAY, number) for number in range(5)), "no review"]
    land(FILE, bad)
    monkeypatch.setattr(job, "_write_reviews", meanwhile)
    with pytest.raises(ConcurrentWriteError, match="another run wrote"):
        ingest()
    assert (users(lake), lake.read(QUARANTINE).num_rows) == (["U1"], 0)


def test_quarantine_files_that_hold_another_days_own_lines_alone_are_not_looked_into(lake, land, monkeypatch):
    def looked_into():
        return {file.day for given in read for file in given[3] if given[2] is QUARANTINE}

    days, read, read_files = [DAY + timedelta(n) for n in range(3)], [], job.read_files
    for number, day in enumerate(days):
        land(f"{day}.jsonl", [raw_review(day, number), "no review"])
        ingest(day, max_bad_share=0.5)
    monkeypatch.setattr(job, "read_files", lambda *given: read.append(given) or read_files(*given))
    ingest(max_bad_share=0.5)
    assert looked_into() == {DAY}
    # A history's lines stand under the day of its import.
    done(
        IMPORT_HISTORY,
        ImportHistoryConfig(source=str(land(FILE, ["no review", raw_review(DAY, 7)])), max_bad_share=0.5),
    )
    assert looked_into() == {DAY}
    read.clear()
    ingest(max_bad_share=0.5)
    assert looked_into().isdisjoint(days[1:])
    assert sorted(row["source_file"] for row in rows(lake, QUARANTINE)) == [f"{day}.jsonl" for day in days]


def test_two_imports_of_other_days_of_which_nothing_is_rejected_do_not_wait_for_each_other(lake, land, monkeypatch):
    first, second = (land(f"../{n}.jsonl", [raw_review(DAY + timedelta(n), n)]) for n in range(2))
    write, began = job._write_reviews, list[object]()

    def meanwhile(*given):
        written = write(*given)
        if not began:
            began.append(second)
            done(IMPORT_HISTORY, ImportHistoryConfig(source=str(second)))
        return written

    monkeypatch.setattr(job, "_write_reviews", meanwhile)
    done(IMPORT_HISTORY, ImportHistoryConfig(source=str(first)))
    assert users(lake) == ["U0", "U1"]


@pytest.mark.parametrize("name", [FILE, f"{FILE}.gz"])
def test_an_empty_file_is_an_empty_success_and_the_day_is_known(lake, land, name):
    path = land(name, [])
    path.write_bytes(b"" if name == FILE else path.read_bytes())
    result = ingest()

    assert (result["read"], result["kept"], result["duplicate"], result["rejected"]) == (0, 0, 0, 0)
    assert lake.written_days(REVIEWS, [DAY]) == {DAY}
    assert missing_reviews(DAY, Settings()) is None
    assert "run ingest_reviews for that day first" in missing_reviews(DAY + timedelta(1), Settings())


def test_what_lies_in_a_days_folder_or_beside_it_and_is_not_read_is_named(lake, land, caplog):
    for name in ("a.jsonl", "b.xlsx", "c.jsonl.xz", "_SUCCESS", ".d.json", "_temporary/e.csv"):
        land(f"{DAY}/{name}", [raw_review(DAY)])
    for name in (f"{DAY}_2.csv", f"{DAY}.csv.zip"):
        land(name, [raw_review(DAY)])
    result = ingest()
    named = (f"{DAY}.csv.zip", f"{DAY}_2.csv", f"{DAY}/b.xlsx")
    assert (result["read"], result["passed_over"], result["passed_over_names"]) == (1, 4, [*named])
    assert f"not read, by what they are called: {', '.join(named)}, {DAY}/c.jsonl.xz" in caplog.text


def test_hostile_texts_survive(lake, land):
    texts = {
        "escaped nulls": ("nul\x00 and bell\x07 inside of it", "nul and bell inside of it"),
        "half a character": ("half \ud83d of an emoji", "half ? of an emoji"),
        "right to left": ("عربي جيد جدا", "عربي جيد جدا"),
        "only emoji": ("😀👍🏽❤️", "😀👍🏽❤️"),
        "a megabyte": ("word " * 200_000, ("word " * 20_000).strip()),
        "one long word": ("x" * 1_000_000, "x" * 100_000),
        "many tags left open": ("<b " * 20_000 + "end", "<b " * 20_000 + "end"),
    }
    lines = [raw_review(DAY, number, user_id=user, text=text) for number, (user, (text, _)) in enumerate(texts.items())]
    raw_null = json.dumps(raw_review(DAY, 90, user_id="raw nulls", text="a@b")).replace("a@b", "a\x00b is here")
    raw_half = json.dumps(raw_review(DAY, 91, user_id="raw half", text="a@b")).replace("a@b", "a\ud83db is here")
    land(f"{FILE}.gz", [*lines, raw_null, raw_half])
    result = ingest()

    assert (result["read"], result["kept"], result["cut"]) == (len(texts) + 2, len(texts) + 2, 2)
    kept = {row["user_id"]: row["text"] for row in rows(lake)}
    assert {user: kept[user] for user in texts} == {user: expected for user, (_, expected) in texts.items()}
    assert kept["raw nulls"] == "a b is here"
    assert kept["raw half"].endswith("b is here")


@pytest.mark.parametrize("crash", [(1, False), (1, True), (2, False), (2, True)], ids=str)
def test_what_was_killed_on_one_machine_is_done_again_on_another(home, lake, land, spark, monkeypatch, crash):
    """The machines share landing and lake; each has a home of its own, and the second knows nothing of the first."""
    lines = [raw_review(DAY, number) for number in range(5)] + [raw_review(DAY - timedelta(1), 9), "no JSON"]
    land(FILE, lines)
    ingest(max_bad_share=1)
    shared, delivery = str(home / "shared"), whole_delivery(str(home / "landing"), DAY)
    rules = Rules(IngestConfig(day=DAY), datetime.now(UTC), (DAY - timedelta(60), DAY))
    run = Ingestion(delivery, rules, products=str(home / "products"), home=home / "first", day=DAY, run_id="one")
    with pytest.raises(CrashedError):
        ingest_delivery(spark, KilledLake(shared, crash), run)

    for name, value in {"HOME": home / "other", "LANDING": home / "landing", "LAKE": shared}.items():
        monkeypatch.setenv(f"SENTIMENT_{name}", str(value))
    ingest(max_bad_share=1)
    for table in (REVIEWS, QUARANTINE):
        assert rows(Lake(shared), table) == rows(lake, table)
        assert Lake(shared).state(table).days.keys() == lake.state(table).days.keys()
