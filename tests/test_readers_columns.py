"""Which columns are a review's, and when it was written."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentiment.core.errors import ContractError, RejectedError
from sentiment.readers.config import ReviewOptions
from sentiment.readers.schemas import (
    OURS,
    SCHEMAS,
    ColumnMapping,
    mapping_of,
    mapping_of_objects,
    require_review,
    require_text,
)
from sentiment.readers.times import moment

NOW = datetime(2026, 1, 1, tzinfo=UTC)
UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
MOMENTS = st.datetimes(datetime(1995, 1, 2), datetime(2025, 12, 31), timezones=st.just(UTC))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def options(*columns: str, **others: object) -> ReviewOptions:
    return ReviewOptions(columns=columns, **others)


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("spelled", [str, str.upper, str.lower, " {} ".format])
def test_every_known_schema_is_found_by_its_columns_in_any_case(schema, spelled):
    columns = {role: spelled(names[0]) for role, names in SCHEMAS[schema].items()}
    found = mapping_of([*columns.values(), "helpful"], options())
    assert (found.schema, dict(found.columns)) == (schema, columns)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_of_columns_that_differ_in_case_alone_the_one_of_the_known_spelling_is_taken(schema):
    names = [of_role[0] for of_role in SCHEMAS[schema].values()]
    found = mapping_of([*(name.swapcase() for name in names), *names], options())
    assert set(found.columns.values()) == set(names)


def test_of_two_columns_that_differ_in_case_alone_and_are_neither_as_known_none_is_taken():
    assert "text" not in mapping_of(["TEXT", "tExt", "rating"], options()).columns
    with pytest.raises(ContractError, match="there is no column text; the columns are TEXT, tExt"):
        mapping_of(["TEXT", "tExt"], options("text=text"))


FOREIGN = [name for name in SCHEMAS if name != OURS]


@pytest.mark.parametrize("schema", [name for name in FOREIGN if {"rating", "timestamp"} <= set(SCHEMAS[name])])
def test_stars_under_our_own_name_come_before_those_of_a_schema_that_is_not_whole(schema):
    stars, time = (SCHEMAS[schema][role][0] for role in ("rating", "timestamp"))
    columns = ["text", "rating", stars, time, "asin"]
    found = mapping_of(columns, options())
    assert found.columns == {"text": "text", "rating": "rating", "timestamp": time, "product": "asin"}
    assert mapping_of(columns, options(f"rating={stars}")).columns == {**found.columns, "rating": stars}


@pytest.mark.parametrize("schema", FOREIGN)
def test_a_whole_file_of_a_schema_is_read_by_it_whatever_else_it_holds(schema):
    columns = {role: names[0] for role, names in SCHEMAS[schema].items()}
    own = {role: SCHEMAS[OURS][role][0] for role in columns}
    for role in set(columns) & {"rating", "timestamp"}:
        found = mapping_of([*columns.values(), own[role]], options())
        assert (found.schema, dict(found.columns)) == (schema, columns)


def test_columns_that_could_be_anybodys_have_no_schema():
    assert mapping_of(["text", "label"], options()).schema == ""
    assert mapping_of([], options()) == ColumnMapping("", {})


def test_a_name_that_many_share_is_no_user():
    shown = ["userName", "content", "score", "at", "appId"]
    assert "user" not in mapping_of(shown, options()).columns
    assert mapping_of([*shown, "reviewId"], options()).columns["user"] == "reviewId"


def test_a_column_that_is_named_is_of_that_role_and_of_no_other():
    found = mapping_of(["reviewText", "summary", "overall"], options("text=SUMMARY"))
    assert dict(found.columns) == {"text": "summary", "rating": "overall"}


def test_a_name_may_hold_an_equals_sign_a_comma_and_a_line_end():
    for name in ("a=b", "a, b", "a\nb"):
        assert mapping_of([name], options(f"text={name}")).columns["text"] == name


@pytest.mark.parametrize("pair", ["text", "text=", "=a", "body=a", "TEXT=a", " text=a"])
def test_what_names_no_role_and_column_is_refused(pair):
    with pytest.raises(ValueError, match="ROLE=COLUMN"):
        options(pair)


def test_a_role_that_is_named_twice_is_refused():
    with pytest.raises(ValueError, match="text is named twice"):
        options("text=a", "text=b")


def test_what_a_review_lacks_is_said_with_the_way_out():
    with pytest.raises(ContractError, match="the columns are a, b: say --columns text=COLUMN"):
        require_text(mapping_of(["a", "b"], options()), ["a", "b"])
    columns = ["text", "rating"]
    with pytest.raises(ContractError, match=r"the time, the product of a review.*--columns timestamp=COLUMN and"):
        require_review(mapping_of(columns, options()), columns)
    whole = mapping_of(columns, options("timestamp=rating", product="Phone"))
    with pytest.raises(ContractError, match="the stars"):
        require_review(whole, columns)


def test_what_the_first_objects_of_json_lack_may_stand_further_on():
    seen = ["text", "rating", "timestamp", "asin"]
    found = mapping_of_objects(seen, options())
    assert {role: found.columns[role] for role in ("title", "user", "parent")} == {
        "title": "title",
        "user": "user_id",
        "parent": "parent_asin",
    }
    assert mapping_of_objects(seen, options("title=headline")).columns["title"] == "headline"
    assert mapping_of_objects(["a", "b"], options("text=a", "title=c")).columns == {"text": "a", "title": "c"}
    # What a review may not lack is looked for, and a column that is there keeps its role.
    with pytest.raises(ContractError, match="there is no column stars"):
        mapping_of_objects(seen, options("rating=stars"))
    assert "parent" not in mapping_of_objects(seen[:3], options()).columns
    assert "title" not in mapping_of_objects([*seen, "TITLE"], options("text=TITLE")).columns
    assert mapping_of_objects([], options("title=headline")) == mapping_of([], options("title=headline"))


def test_a_mapping_is_the_same_behind_its_json():
    found = mapping_of(["Text", "Score", "Time"], options(stars=10, product='a "b"'))
    assert ColumnMapping.parsed(found.as_json()) == found


@settings(max_examples=60, deadline=None)
@given(MOMENTS, st.sampled_from([*UNITS]), st.sampled_from([int, str, " {} ".format, float, Decimal, "{}.0".format]))
def test_the_unit_of_a_number_is_told_by_its_magnitude(when, unit, spelled):
    number = (when - EPOCH) // timedelta(milliseconds=1) * UNITS[unit] // 1000
    found, told = moment(spelled(number), NOW)
    assert told == unit
    # A float has not the figures of so many nanoseconds, yet those of a millisecond.
    exact = EPOCH + timedelta(seconds=number // UNITS[unit], milliseconds=number % UNITS[unit] * 1000 // UNITS[unit])
    assert abs(found - exact) <= timedelta(milliseconds=spelled is float)


@settings(max_examples=60, deadline=None)
@given(MOMENTS.map(lambda when: when.replace(microsecond=when.microsecond // 1000 * 1000)))
def test_a_fraction_of_a_second_keeps_its_milliseconds(when):
    seconds = (when - EPOCH) // timedelta(milliseconds=1) / 1000
    assert moment(seconds, NOW) == moment(repr(seconds), NOW) == (when, "seconds")


@settings(max_examples=60, deadline=None)
@given(MOMENTS)
def test_a_moment_is_the_same_whether_an_export_counts_or_spells_it(when):
    microseconds = (when - EPOCH) // timedelta(microseconds=1)
    counted = [microseconds, microseconds * 1000 + 999, str(microseconds), f"{microseconds}.9", f"{microseconds}e-6"]
    assert {moment(number, NOW)[0] for number in counted} == {moment(when.isoformat(), NOW)[0]} == {when}


@settings(max_examples=60, deadline=None)
@given(MOMENTS, st.sampled_from(["T", " "]), st.integers(-14 * 60, 14 * 60))
def test_a_date_is_read_in_its_zone_and_without_one_in_utc(when, between, minutes):
    there = when.astimezone(timezone(timedelta(minutes=minutes)))
    assert moment(there.isoformat(between), NOW) == (when, "dates")
    assert moment(there, NOW) == (when, "dates")
    naive = when.replace(tzinfo=None)
    for given_time in (naive, naive.isoformat(between), f"{naive} UTC", f"{naive}Z", f" {naive} GMT "):
        assert moment(given_time, NOW) == (when, "dates")


def test_a_day_is_its_midnight():
    for given_day in ("2024-05-31", date(2024, 5, 31), "2024-05-31T00", "2024-05-31 00:00:00.000000000"):
        assert moment(given_day, NOW) == (datetime(2024, 5, 31, tzinfo=UTC), "dates")


@settings(max_examples=60, deadline=None)
@given(st.dates(date(1995, 1, 2), date(2025, 12, 30)), st.integers(-14 * 60, 14 * 60))
def test_a_day_with_a_zone_is_its_midnight_there(day, minutes):
    there = datetime(day.year, day.month, day.day, tzinfo=timezone(timedelta(minutes=minutes)))
    zone = there.isoformat().removeprefix(f"{day}T00:00:00")
    assert moment(f"{day}{zone}", NOW) == (there, "dates")
    assert moment(f"{day}Z", NOW) == moment(f"{day} UTC", NOW) == moment(f"{day}", NOW)


@pytest.mark.parametrize("time", ["10", "1030", "10:30:15"])
def test_a_time_of_day_stands_behind_a_blank_or_a_t_alone(time):
    assert moment(f"2024-05-31 {time}", NOW) == moment(f"2024-05-31T{time}", NOW)
    for between in ("/", "_", ".", "-", "+", ":", ",", ";", "|", "x", "0", "  ", " T"):
        with pytest.raises(RejectedError, match="neither a number of seconds"):
            moment(f"2024-05-31{between}{time}", NOW)


NO_TIMES = [None, True, "", " ", "now", "31.05.2024", "05/31/2024", "20240531", "2024", "May 31, 2024", "1.577.836.800"]
NO_TIMES += ["1,577,836,800", "nan", "inf", float("nan"), float("inf"), 0, -1, 5, 10**30, "1e999", "9" * 5000, [], {}]
NO_TIMES += ["0x5E0BE100", "١٥٧٧٨٣٦٨٠٠", "1_577_836_800", b"1577836800", "2024-02-30", "2024-05-31T25:00", "10:00"]
NO_TIMES += ["2024-05-31 10.30", "2024-05-31 10:30.5", "2024-05-31T10,5", "2024-05-31/2024", "2024-05-31+15:00"]
NO_TIMES += ["2024-05-31+10:30:15", "2024-05-31+02", "2024-05-31_10:30"]


@pytest.mark.parametrize("given_time", NO_TIMES, ids=lambda value: repr(value)[:20])
def test_what_is_no_time_is_refused(given_time):
    with pytest.raises(RejectedError, match="neither a number of seconds"):
        moment(given_time, NOW)


@pytest.mark.parametrize("given_time", ["1.71711E+12", " 1.7171e+9 ", "2E+9", "1.71711112E12"])
def test_a_time_that_a_spreadsheet_rounded_is_refused(given_time):
    with pytest.raises(RejectedError, match="rounded by a spreadsheet; write it out"):
        moment(given_time, datetime(2040, 1, 1, tzinfo=UTC))
    whole = float(given_time)  # of JSON or Parquet it has all its digits
    assert moment(whole, datetime(2040, 1, 1, tzinfo=UTC))[1] in ("seconds", "milliseconds")


def test_a_time_before_the_first_review_or_behind_now_is_refused():
    for early in ("1994-12-31", "0001-01-01T00:00:00+00:00", datetime(1970, 1, 1)):
        with pytest.raises(RejectedError, match="before 1995"):
            moment(early, NOW)
    for late in ("2026-01-01T00:00:01", 1767225601, 1767225600001, "9999-12-31", NOW + timedelta(milliseconds=1)):
        with pytest.raises(RejectedError, match="future"):
            moment(late, NOW)
    assert moment(NOW, NOW)[0] == NOW
