"""Snapshots: what a training sees, how it is split, and that the same question always gives the same answer."""

import shutil
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from conftest import fill, lake_review, use_home
from contexts import a_context
from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.names import UNLABELLED
from sentiment.datasets import from_lake
from sentiment.datasets.config import SnapshotConfig
from sentiment.datasets.manifest import (
    read_manifest,
)
from sentiment.datasets.snapshot import (
    pinned,
    read_split,
    snapshot_folder,
    snapshot_id,
    table_id,
)
from sentiment.datasets.unlabelled import obtain_unlabelled, read_unlabelled
from sentiment.datasets.verbs import SNAPSHOT
from sentiment.stores.lake.schemas import REVIEWS
from sentiment.stores.lake.tables import Lake
from sentiment.stores.spark import running
from verbs_here import done

pytestmark = pytest.mark.spark

SPLITS = ("train", "validation", "test")
DAYS = [date(2014, 5, 1) + timedelta(n) for n in range(12)]
STARS = (5.0, 1.0, 4.0, 2.5, 3.0)
TEN_WORDS = "this thing does all that I want it to do"
UNSPACED = "这个手机的质量实在太差了，用了两天就坏了，客服也一直不理人，真的很后悔买它。"
COPIED = "The very same words were written by someone else about this product before."


def review(product, at, **changes):
    """One user's review of a product on the day number `at`; the stars go round."""
    given = {
        "parent_asin": f"P{product}",
        "user_id": f"U{product}-{at}",
        "rating": STARS[(product + at) % 5],
        **changes,
    }
    return lake_review(DAYS[at], product, **given)


def extra(name, product, at, **changes):
    return review(product, at, **{"review_key": f"{name} {product} {at}", "user_id": name, "rating": 5.0, **changes})


def history():
    """80 products reviewed once a day; each also twice by one user, twice with one text, and in nine and ten words.

    Some are in a script without spaces: twice with one text of more than ten words, and in fewer.
    """
    days = {day: [review(product, at) for product in range(80)] for at, day in enumerate(DAYS)}
    for at in (10, 11):
        for product in range(80):
            days[DAYS[at]] += [
                extra("repeats", product, at, text=f"A user comes back to thing {product} on day {at} and says more."),
                extra("copies", product, at, user_id=f"copies {at}", text=COPIED),
            ]
    for product in range(80):
        days[DAYS[10]] += [
            extra("ten", product, 10, text=TEN_WORDS),
            extra("nine", product, 10, text=TEN_WORDS.removeprefix("this ")),
            extra("unspaced", product, 10, text=UNSPACED),
            extra("unspaced-again", product, 10, text=UNSPACED),
            extra("unspaced-short", product, 10, text=UNSPACED[:29]),
        ]
    return days


def folder_of(home, result):
    return str(home / "lake" / "snapshots" / result["snapshot"])


def rows(folder, split):
    files = read_manifest(folder).files[split]
    return pa.concat_tables(parquet.read_table(f"{folder}/{name}") for name in files).to_pylist()


@pytest.fixture(scope="module")
def made(tmp_path_factory, spark):
    """A home with a history and one snapshot of it; gives the home and what the verb returned."""
    home = tmp_path_factory.mktemp("snapshot")
    with pytest.MonkeyPatch.context() as patch:
        use_home(home, patch)
        fill(home / "lake", REVIEWS, history())
        yield home, done(SNAPSHOT, SnapshotConfig())


@pytest.fixture(scope="module")
def splits(made):
    home, result = made
    return {split: rows(folder_of(home, result), split) for split in SPLITS}


@pytest.fixture(scope="module")
def everything(splits):
    return [row for split in SPLITS for row in splits[split]]


def test_no_product_stands_on_two_sides(splits):
    products = {split: {row["parent_asin"] for row in splits[split]} for split in SPLITS}
    assert all(products.values())
    assert not products["train"] & products["test"]
    assert not products["train"] & products["validation"]
    assert not products["validation"] & products["test"]


@pytest.mark.parametrize(
    ("counts", "share", "first"),
    [
        ([10, 10, 10, 10], 0.25, 4),
        ([10, 10, 10, 10], 0.26, 3),
        ([1] * 10, 0.7, 4),
        ([1] * 10, 0.1, 10),
        ([10, 10, 10, 10], 1.0, 1),
        ([5, 30], 0.1, 2),
    ],
)
def test_the_cutoff_is_the_last_day_from_which_on_the_share_is_reached(counts, share, first):
    reviews = {date(2024, 5, day): count for day, count in enumerate(counts, 1)}
    assert from_lake._first_recent(reviews, share) == date(2024, 5, first)


def test_the_training_lies_before_the_cutoff_and_the_tests_after(made, splits):
    cutoff = date.fromisoformat(made[1]["cutoff"])
    assert DAYS[0] < cutoff <= DAYS[-1]
    assert max(row["review_date"] for row in splits["train"]) < cutoff
    assert min(row["review_date"] for split in ("validation", "test") for row in splits[split]) >= cutoff


def test_labels_come_from_the_stars_and_three_stars_are_left_out(everything):
    assert {(row["rating"], row["label"]) for row in everything} == {(1.0, 0), (2.5, 0), (4.0, 1), (5.0, 1)}


def test_reviews_of_fewer_than_ten_words_are_left_out(everything):
    named = [row["review_key"].split()[0] for row in everything]
    assert "ten" in named
    assert "nine" not in named


def test_reviews_in_a_script_without_spaces_are_as_long_as_their_letters_and_copies_of_them_are_known(
    splits, at_random
):
    named = [row["review_key"].split()[0] for split in SPLITS for row in splits[split]]
    assert named.count("unspaced") > 5
    assert {"unspaced-again", "unspaced-short"}.isdisjoint(named)
    # At random a copy stands on the side of the other, whichever product it is of.
    sides = [split for split in SPLITS for row in at_random[1][split] if row["text"] == UNSPACED]
    assert len(sides) > 5
    assert len(set(sides)) == 1


def test_repetitions_are_left_out_over_all_of_history(everything):
    kept = {row["review_key"].rsplit(" ", 1)[1] for row in everything if row["review_key"].startswith("repeats")}
    assert kept == {"11"}  # a user's last word on a product
    kept = {row["review_key"].rsplit(" ", 1)[1] for row in everything if row["review_key"].startswith("copies")}
    assert kept == {"10"}  # the first to write a text
    keys = [row["review_key"] for row in everything]
    assert len(keys) == len(set(keys))


def test_the_report_counts_what_the_files_hold(made, splits):
    home, result = made
    for split in SPLITS:
        labels = [row["label"] for row in splits[split]]
        counted = result["splits"][split]
        assert (counted["reviews"], counted["positive"]) == (len(labels), sum(labels))
        assert counted["positive_share"] == pytest.approx(sum(labels) / len(labels), abs=1e-4)
        report = read_manifest(folder_of(home, result)).splits[split].categories
        assert sum(count for category in report.values() for count in category.values()) == len(labels)
    assert (result["from_day"], result["to_day"]) == (str(DAYS[0]), str(DAYS[-1]))


def test_why_reviews_are_in_no_split_is_counted_and_said(made):
    home, result = made
    left_out = dict(result["left_out"])
    # Of each product one of nine words and one of 26 letters.
    assert left_out.pop("too_short") == 160
    assert sum(left_out.values()) == result["splits"]["unused"]["reviews"]
    assert result["left_out"] == read_manifest(folder_of(home, result)).left_out
    older, newer = result["left_out"]["older"], result["left_out"]["newer"]
    said = SNAPSHOT.result.model_validate(result).sentences()[1]
    assert said.startswith(f"Not used: {older:,} of products held out, from before {result['cutoff']}: the test is")
    assert f"; {newer:,} of the training's products, from {result['cutoff']} on: training knows" in said
    assert said.endswith("; 160 of too few words.")


@pytest.fixture(scope="module")
def at_random(made):
    result = done(SNAPSHOT, SnapshotConfig(split="random"))
    return result, {split: rows(folder_of(made[0], result), split) for split in SPLITS}


def alone(found, of_text):
    return [row for row in found if len(of_text[row["text"]]) == 1]


def test_at_random_each_split_has_its_share_of_each_label_in_each_category_and_only_short_ones_are_left_out(
    at_random, everything
):
    result, splits = at_random
    assert (result["cutoff"], result["splits"]["unused"]["reviews"]) == (None, 0)
    assert SNAPSHOT.result.model_validate(result).sentences()[1:] == ["Not used: 160 of too few words."]
    # Copies of a text, here of all products, follow one of them.
    of_text = {}
    for split in SPLITS:
        for row in splits[split]:
            of_text.setdefault(row["text"], []).append(split)
    assert max(map(len, of_text.values())) == 80
    assert {len(set(found)) for found in of_text.values()} == {1}
    strata = Counter((row["category"], row["label"]) for split in SPLITS for row in alone(splits[split], of_text))
    for split, share in (("test", 0.2), ("validation", 0.1), ("train", 0.7)):
        counts = Counter((row["category"], row["label"]) for row in alone(splits[split], of_text))
        for stratum, count in strata.items():
            assert abs(counts[stratum] - share * count) <= 2 + 0.05 * count
    # Whatever the split, the same reviews are de-duplicated and labelled alike, and more of them are used.
    keys = {row["review_key"]: row["label"] for split in SPLITS for row in splits[split]}
    assert {row["review_key"]: row["label"] for row in everything}.items() < keys.items()
    days = {split: {row["review_date"] for row in splits[split]} for split in SPLITS}
    assert days["train"] & days["test"]


@pytest.mark.parametrize("split", ["product", "random"])
def test_a_category_that_is_kept_for_the_test_is_the_test_and_in_no_other_split(made, split, everything):
    category = everything[0]["category"]
    config = SnapshotConfig(split=split, test_categories=(category, category))
    result = done(SNAPSHOT, config)
    of = {name: {row["category"] for row in rows(folder_of(made[0], result), name)} for name in SPLITS}
    assert of["test"] == {category}
    assert category not in of["train"] | of["validation"]
    assert of["train"]
    assert of["validation"]
    # The share is not used, so it makes no other snapshot.
    assert done(SNAPSHOT, config.model_copy(update={"test_share": 0.5}))["snapshot"] == result["snapshot"]


@pytest.mark.parametrize("split", ["product", "random"])
def test_a_product_of_a_category_that_is_kept_for_the_test_teaches_nothing_whatever_its_older_reviews_say(
    home, spark, split
):
    def of(product, at, **changes):
        category = ("unknown" if at < 4 else "Kept") if product < 5 else "Other"
        return review(product, at, category=category, rating=(5.0, 1.0)[(product + at) % 2], **changes)

    fill(home / "lake", REVIEWS, {day: [of(product, at) for product in range(40)] for at, day in enumerate(DAYS)})
    config = SnapshotConfig(split=split, test_categories=("Kept",), validation_share=0.3)
    folder = folder_of(home, done(SNAPSHOT, config))
    of_split = {name: {row["parent_asin"] for row in rows(folder, name)} for name in SPLITS}
    kept = {f"P{product}" for product in range(5)}
    assert of_split["test"] == kept
    assert not kept & (of_split["train"] | of_split["validation"])


def test_a_category_that_no_review_is_of_is_refused_with_those_that_there_are(made, everything):
    with pytest.raises(ContractError, match="category Teapots; there are .*" + everything[0]["category"]):
        done(SNAPSHOT, SnapshotConfig(test_categories=("Teapots",)))


def test_a_sample_of_a_random_split_is_spread_over_it(made, at_random):
    # Were the split made by the order of the samples, the test would be one stretch of it.
    orders = sorted(row["sample_order"] for row in at_random[1]["test"])
    assert orders[0] < -(2**62)
    assert orders[-1] > 2**62
    folder = folder_of(made[0], at_random[0])
    assert len(read_split(folder, "test", 30).keys) == 30
    assert len(read_split(folder, "train", 60, 18).keys) == 60


def test_a_sample_is_the_same_every_time_and_lies_within_every_larger_one(made):
    folder = folder_of(*made)
    whole = read_split(folder, "train")
    for limit in (1, 20, 150):
        sample = read_split(folder, "train", limit)
        assert sample.keys == whole.keys[:limit]
        assert list(sample.labels) == list(whole.labels[:limit])
        assert (sample.titles, sample.texts) == (whole.titles[:limit], whole.texts[:limit])
    assert read_split(folder, "train", 10**6).keys == whole.keys
    assert whole.keys != sorted(whole.keys)


def test_a_seed_draws_its_own_sample_which_is_the_same_every_time_and_within_every_larger_one(made):
    folder = folder_of(*made)
    whole = read_split(folder, "train").keys
    samples = {seed: read_split(folder, "train", 60, seed).keys for seed in range(17, 21)}
    assert samples[17] == whole[:60]
    assert len({tuple(keys) for keys in samples.values()}) == 4
    for seed, keys in samples.items():
        assert read_split(folder, "train", 60, seed).keys == keys
        assert read_split(folder, "train", 90, seed).keys[:60] == keys
        assert len(set(keys)) == 60
        # A stretch of the circle: the order is the snapshot's own, wherever it begins.
        at = whole.index(keys[0])
        assert keys == (whole + whole)[at : at + 60]
    for seed in (18, 19):
        assert read_split(folder, "train", len(whole), seed).keys == whole


def test_reviews_of_three_stars_are_those_of_the_trainings_products_and_days(made, splits):
    home, result = made
    folder = folder_of(home, result)
    found = obtain_unlabelled(folder, replace(Context.of_process(), spark=running()))
    reviews, products = read_unlabelled(folder, found)
    assert found.reviews == len(reviews) == len(set(reviews.keys)) > 20
    assert set(reviews.labels) == {UNLABELLED}
    assert set(reviews.ratings) == {3.0}
    assert set(products) <= {row["parent_asin"] for row in splits["train"]}
    days = {row["review_key"]: row["review_date"] for row in Lake(str(home / "lake")).read(REVIEWS).to_pylist()}
    assert max(days[key] for key in reviews.keys) < date.fromisoformat(result["cutoff"])
    sample, _ = read_unlabelled(folder, found, 10)
    assert sample.keys == reviews.keys[:10]
    assert obtain_unlabelled(folder, a_context()) == found  # without Spark


def test_reviews_without_a_label_that_do_not_fit_into_sails_memory_are_refused_as_a_snapshot_is(made, monkeypatch):
    home, result = made
    asked = []

    def full(spark, needed, what):
        asked.append((needed, what))
        raise ContractError("too little memory")

    monkeypatch.setattr(from_lake, "require_memory", full)
    manifest, lake = read_manifest(folder_of(home, result)), Lake(str(home / "lake"))
    for take in (
        lambda: from_lake.write_unlabelled(running(), lake, manifest, "nowhere"),
        lambda: from_lake.make_snapshot(running(), lake, SnapshotConfig.model_validate(manifest.config), "nowhere"),
    ):
        with pytest.raises(ContractError, match="too little memory"):
            take()
    assert asked[0] == asked[1]
    assert asked[0][0] > 10**6


def test_the_same_question_gives_the_same_snapshot_without_work(made, monkeypatch):
    def refused(*_):
        raise AssertionError("Spark was opened")

    monkeypatch.setattr("sentiment.stores.spark.session", refused)
    assert done(SNAPSHOT, SnapshotConfig(reviews_version=made[1]["reviews_version"])) == made[1]


def test_a_lost_snapshot_is_rebuilt_exactly_though_the_lake_has_grown(made):
    home, first = made
    folder = folder_of(home, first)
    before = {split: read_split(folder, split) for split in SPLITS}
    shutil.rmtree(folder)
    new_day = DAYS[-1] + timedelta(1)
    fill(home / "lake", REVIEWS, {new_day: [lake_review(new_day, n) for n in range(50)], DAYS[0]: []})

    again = done(SNAPSHOT, SnapshotConfig(reviews_version=first["reviews_version"]))
    assert again == first
    for split, reviews in before.items():
        rebuilt = read_split(folder, split)
        assert (rebuilt.keys, rebuilt.texts) == (reviews.keys, reviews.texts)
        assert list(rebuilt.labels) == list(reviews.labels)
    lake = Lake(str(home / "lake"))
    assert snapshot_id(pinned(SnapshotConfig(), lake), table_id(lake)) != first["snapshot"]


def test_a_table_that_was_made_anew_gives_another_snapshot(tmp_path, monkeypatch):
    ids = []
    for text in ("The first table.", "Other reviews of the same days and versions."):
        shutil.rmtree(tmp_path / "lake", ignore_errors=True)
        fill(tmp_path / "lake", REVIEWS, {DAYS[0]: [lake_review(DAYS[0], 1, text=text)]})
        lake = Lake(str(tmp_path / "lake"))
        ids.append(snapshot_id(pinned(SnapshotConfig(), lake), table_id(lake)))
    assert ids[0] != ids[1]


@pytest.mark.parametrize("wrong", ["../../x", "", "a/b", "s3://elsewhere", ".."])
def test_what_is_no_id_of_a_snapshot_leads_nowhere(tmp_path, wrong):
    with pytest.raises(ContractError, match="is no id of a snapshot; take the one that"):
        snapshot_folder(Lake(str(tmp_path)), wrong)


def test_a_snapshot_that_was_not_finished_is_no_snapshot(made, tmp_path):
    folder = Path(folder_of(*made))
    half = shutil.copytree(folder, tmp_path / "half")
    (half / "manifest.json").unlink()
    with pytest.raises(ContractError, match=r"there is no snapshot in .*half"):
        read_split(str(half), "train")


def test_reviews_of_one_product_are_refused_with_the_split_that_takes_them(home, spark):
    one = {day: [review(product, at, parent_asin="P") for product in range(40)] for at, day in enumerate(DAYS)}
    fill(home / "lake", REVIEWS, one)
    with pytest.raises(ContractError, match=r"all reviews are of one product, .*: choose split random"):
        done(SNAPSHOT, SnapshotConfig())
    assert done(SNAPSHOT, SnapshotConfig(split="random"))["splits"]["train"]["reviews"] > 200


def test_a_split_without_one_of_the_classes_is_refused(home, spark):
    fill(
        home / "lake", REVIEWS, {DAYS[at]: [review(product, at, rating=5.0) for product in range(20)] for at in (0, 1)}
    )

    with pytest.raises(
        ContractError, match=r"the train split has no negative review .* import more days .* split random .* min_words"
    ):
        done(SNAPSHOT, SnapshotConfig(recent_share=0))
    assert not list((home / "lake" / "snapshots").rglob("manifest.json"))


def test_an_empty_lake_has_nothing_to_train_on(home):
    with pytest.raises(ContractError, match="no reviews to train on; run import-history or ingest first"):
        done(SNAPSHOT, SnapshotConfig())
