"""The generated sample: the same bytes for the same seed, the form of real files, and counts that add up."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sentiment.core.errors import ContractError
from sentiment_local.config import SampleConfig
from sentiment_local.sample import generate as generating
from sentiment_local.sample.categories import CATEGORIES
from sentiment_local.sample.days import DUPLICATE_KINDS
from sentiment_local.sample.dirt import MALFORMED_KINDS
from sentiment_local.sample.generate import HISTORY, PRODUCTS
from sentiment_local.sample.texts import grammar

REVIEWS, DAYS, DAILY_DAYS = 3000, 30, 10
LAST_DAY = date(2024, 6, 29)


def config(output: Path, **changes: Any) -> SampleConfig:
    fields = {"output": output, "reviews": REVIEWS, "days": DAYS, "daily_days": DAILY_DAYS, "last_day": LAST_DAY}
    return SampleConfig(**(fields | changes))


def generate(config: SampleConfig, *progress: Any) -> dict[str, Any]:
    """Generate, and return what `--json` prints of it."""
    return generating.generate(config, *progress).model_dump(mode="json")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    output = tmp_path_factory.mktemp("sample")
    return output, generate(config(output))


def lines_of(path: Path) -> list[str]:
    if path.is_dir():
        return [line for part in sorted(path.iterdir()) for line in lines_of(part)]
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return text.split("\n")[:-1] if text else []


def day_lines(output: Path, day: str) -> list[str]:
    folder = output / "daily" / day
    return lines_of(folder if folder.is_dir() else folder.with_name(f"{day}.jsonl.gz"))


def flaw(line: str) -> str | None:
    """Judge a line from the schema alone, without the generator's help."""
    try:
        review = json.loads(line)
    except json.JSONDecodeError:
        return "truncated_json" if line.startswith("{") else "not_json"
    for field in ("rating", "text"):
        if field not in review:
            return f"missing_{field}"
    if review["rating"] not in {1.0, 2.0, 3.0, 4.0, 5.0}:
        return {0.0: "rating_zero", 9.0: "rating_nine"}.get(review["rating"], "rating_word")
    if not isinstance(review["timestamp"], int):
        return "timestamp_word"
    if review["timestamp"] > datetime(2900, 1, 1, tzinfo=UTC).timestamp() * 1000:
        return "timestamp_far_future"
    return None if review["text"].strip() else "blank_text"


def sound(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines if flaw(line) is None]


def everything(output: Path, counts: dict[str, Any]) -> list[str]:
    return lines_of(output / HISTORY) + [line for day in counts["daily"] for line in day_lines(output, day)]


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(sample, tmp_path):
    output, _ = sample
    generate(config(tmp_path / "again"))
    generate(config(tmp_path / "other", seed=18))
    assert content(tmp_path / "again") == content(output)
    assert content(tmp_path / "other")[HISTORY] != content(output)[HISTORY]


def test_running_twice_into_one_folder_leaves_what_running_once_leaves(tmp_path):
    first = generate(config(tmp_path, reviews=300))
    before = content(tmp_path)
    assert generate(config(tmp_path, reviews=300)) == first
    assert content(tmp_path) == before
    assert len(before) == first["files"]


def test_every_planted_malformed_line_is_there_and_counted_by_its_kind(sample):
    output, counts = sample
    found = Counter(filter(None, map(flaw, everything(output, counts))))
    assert found == counts["malformed"]
    assert set(found) == set(MALFORMED_KINDS)


def test_lines_are_the_reviews_and_the_malformed_and_the_duplicates(sample):
    output, counts = sample
    planted = sum(counts["malformed"].values()) + sum(counts["duplicates"].values())
    assert counts["lines"] == len(everything(output, counts)) == REVIEWS + planted
    assert counts["history"]["lines"] == len(lines_of(output / HISTORY))
    assert {day: part["lines"] for day, part in counts["daily"].items()} == {
        day: len(day_lines(output, day)) for day in counts["daily"]
    }


def test_duplicates_are_exactly_the_planted_ones(sample):
    output, counts = sample
    lines = [line for line in everything(output, counts) if flaw(line) is None]
    reviews = [json.loads(line) for line in dict.fromkeys(lines)]
    pairs = {(review["user_id"], review["parent_asin"]) for review in reviews}
    texts = {(review["parent_asin"], review["text"]) for review in reviews}
    planted = counts["duplicates"]
    assert set(planted) == set(DUPLICATE_KINDS)
    assert len(lines) - len(reviews) == planted["same_line"]
    assert len(reviews) - len(pairs) == sum(n for kind, n in planted.items() if kind.startswith("same_user"))
    assert len(reviews) - len(texts) == sum(n for kind, n in planted.items() if kind.startswith("same_text"))


def test_the_history_is_sorted_by_time_and_ends_before_the_first_daily_file(sample):
    output, counts = sample
    times = [review["timestamp"] for review in sound(lines_of(output / HISTORY))]
    first_daily = datetime.combine(LAST_DAY - timedelta(days=DAILY_DAYS - 1), datetime.min.time(), UTC)
    assert times == sorted(times)
    assert times[-1] < first_daily.timestamp() * 1000
    assert min(counts["daily"]) == str(first_daily.date())


def test_a_daily_file_holds_the_reviews_of_its_day_alone(sample):
    output, counts = sample
    for day in counts["daily"]:
        written = {
            str(datetime.fromtimestamp(review["timestamp"] / 1000, UTC).date())
            for review in sound(day_lines(output, day))
        }
        assert written == ({day} if counts["daily"][day]["lines"] else set())


def test_one_of_the_last_seven_days_is_an_empty_file_and_one_day_comes_as_two_files(sample):
    output, counts = sample
    assert counts["empty_day"] in list(counts["daily"])[-7:]
    assert [day for day in counts["daily"] if not day_lines(output, day)] == [counts["empty_day"]]
    parts = sorted(path.name for path in (output / "daily" / counts["split_day"]).iterdir())
    assert parts == ["part-0.jsonl.gz", "part-1.jsonl"]


def test_products_have_the_fields_of_the_published_meta_file_and_cover_every_review(sample):
    output, counts = sample
    products = [json.loads(line) for line in lines_of(output / PRODUCTS)]
    assert {tuple(product) for product in products} == {
        ("parent_asin", "main_category", "categories", "title", "price")
    }
    assert {product["categories"][-1] for product in products} == set(CATEGORIES)
    reviewed = {review["parent_asin"] for review in sound(everything(output, counts))}
    assert reviewed <= {product["parent_asin"] for product in products}


def test_stars_are_shared_out_as_in_real_reviews_and_products_differ(sample):
    output, counts = sample
    reviews = sound(everything(output, counts))
    stars = Counter(review["rating"] for review in reviews)
    real = {1.0: 0.127, 2.0: 0.063, 3.0: 0.082, 4.0: 0.200, 5.0: 0.528}
    assert {star: n / len(reviews) for star, n in stars.items()} == pytest.approx(real, abs=0.04)
    by_product: dict[str, list[bool]] = {}
    for review in reviews:
        by_product.setdefault(review["parent_asin"], []).append(review["rating"] >= 4)
    shares = sorted(sum(good) / len(good) for good in by_product.values() if len(good) >= 10)
    assert shares[0] < 0.4
    assert shares[-1] > 0.9


def test_texts_are_varied_in_length_and_carry_the_dirt_of_real_ones(sample):
    output, counts = sample
    texts = [review["text"] for review in sound(everything(output, counts))]
    words = [len(text.split()) for text in texts]
    assert min(words) <= 3
    assert max(words) >= 300
    assert len(set(texts)) > 0.95 * len(texts)
    for mark in ("<br />", "&amp;", "&#34;", "http", "@", "!!!", "👍", ":(", "No lo recomiendo"):
        assert any(mark in text for text in texts), mark


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_slot_of_every_phrase_can_be_filled(category):
    assert grammar(category).undefined() == set()


def test_progress_rises_to_the_number_of_reviews(tmp_path):
    seen: list[tuple[int, int]] = []
    generate(config(tmp_path, reviews=100, days=10, daily_days=7), lambda _, done, total: seen.append((done, total)))
    assert len(seen) == 10
    assert seen == sorted(seen)
    assert seen[-1] == (100, 100)


def test_a_folder_with_other_review_files_is_refused_and_left_alone(tmp_path):
    stranger = tmp_path / "daily" / "2019-01-01.jsonl.gz"
    stranger.parent.mkdir()
    stranger.write_bytes(b"precious")
    with pytest.raises(ContractError, match="2019-01-01"):
        generate(config(tmp_path))
    assert content(tmp_path) == {"daily/2019-01-01.jsonl.gz": b"precious"}


def test_daily_files_for_all_days_leave_no_history_and_are_refused(tmp_path):
    with pytest.raises(ContractError, match="no history"):
        generate(config(tmp_path, days=10, daily_days=10))


def test_a_failing_run_leaves_the_earlier_files_whole(tmp_path):
    generate(config(tmp_path, reviews=300))
    before = content(tmp_path)

    def stop(step: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(config(tmp_path, reviews=300, seed=18), stop)
    assert content(tmp_path)[HISTORY] == before[HISTORY]
    assert set(content(tmp_path)) == set(before)
