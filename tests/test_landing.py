"""The landing: which files are a day's and which a history's, and what happens when one cannot be read."""

import gzip
import json
from datetime import date

import pytest

from conftest import fill, lake_review, raw_review
from sentiment import pipeline
from sentiment.config import ImportHistoryConfig, IngestConfig
from sentiment.errors import ContractError
from sentiment.ingest.landing import files_of_day, history_files, product_files, require_files_of_day
from sentiment.lake.schemas import QUARANTINE, REVIEWS
from sentiment.lake.tables import Lake

DAY = date(2014, 5, 5)


def names(home, files):
    return [file.removeprefix(f"{home}/landing/") for file in files]


@pytest.mark.parametrize("name", ["2014-05-05.jsonl.gz", "2014-05-05.jsonl", "2014-05-05/part-1.jsonl.gz"])
def test_a_days_file_is_found_under_each_of_its_names(home, land, name):
    land(name, [])
    land("2014-05-06.jsonl", [])

    assert names(home, require_files_of_day(f"{home}/landing", DAY)) == [name]
    assert pipeline.missing_files(DAY) is None


def test_a_folder_of_the_day_holds_several_files_at_any_depth_and_other_kinds_are_left_alone(home, land):
    for name in ("2014-05-05/b.jsonl", "2014-05-05/a/c.jsonl.gz", "2014-05-05/_SUCCESS", "2014-05-05.jsonl.tmp"):
        land(name, [])

    assert names(home, files_of_day(f"{home}/landing", DAY)) == ["2014-05-05/a/c.jsonl.gz", "2014-05-05/b.jsonl"]


def test_all_forms_of_a_day_count_together(home, land):
    for name in ("2014-05-05.jsonl", "2014-05-05.jsonl.gz", "2014-05-05/late.jsonl"):
        land(name, [])

    assert len(files_of_day(f"{home}/landing/", DAY)) == 3


def test_a_day_without_files_says_what_was_looked_for(home, land):
    land("2014-05-06.jsonl", [])
    looked_for = r"no file for 2014-05-05: looked for 2014-05-05\.jsonl\.gz, 2014-05-05\.jsonl and 2014-05-05/ in "

    with pytest.raises(ContractError, match=looked_for + f"{home}/landing"):
        pipeline.ingest(IngestConfig(day=DAY))
    assert "2014-05-05.jsonl.gz" in pipeline.missing_files(DAY)


def test_a_landing_that_does_not_exist_is_a_landing_without_files(home):
    with pytest.raises(ContractError, match="SENTIMENT_LANDING"):
        require_files_of_day(f"{home}/nowhere", DAY)


def test_product_files_are_no_history(home, land):
    for name in ("Electronics.jsonl.gz", "older/2013.jsonl", "meta_Electronics.jsonl.gz", "README.md"):
        land(name, [])
    root = f"{home}/landing"

    assert names(home, history_files(root)) == ["Electronics.jsonl.gz", "older/2013.jsonl"]
    assert names(home, product_files(root)) == ["meta_Electronics.jsonl.gz"]
    assert names(home, history_files(f"{root}/Electronics.jsonl.gz")) == ["Electronics.jsonl.gz"]


def test_a_source_without_history_is_refused_by_its_name(home, land):
    land("meta_Electronics.jsonl.gz", [])

    with pytest.raises(ContractError, match=r"landing holds no \.jsonl or \.jsonl\.gz file of reviews"):
        pipeline.import_history(ImportHistoryConfig(source=f"{home}/landing"))


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def corrupted(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(byte ^ 0xFF for byte in content[middle : middle + 16]) + content[middle + 16 :]


def not_packed(content: bytes) -> bytes:
    return gzip.decompress(content)


@pytest.mark.spark
@pytest.mark.parametrize("damage", [truncated, corrupted, not_packed])
def test_a_broken_gzip_is_named_with_its_offset_and_nothing_is_written(home, land, spark, damage):
    lake = Lake(str(home / "lake"))
    versions = [fill(lake.root, spec, {DAY: rows}) for spec, rows in ((REVIEWS, [lake_review(DAY)]), (QUARANTINE, []))]
    land("2014-05-05/whole.jsonl", [raw_review(DAY, number) for number in range(20)])
    path = land("2014-05-05/broken.jsonl.gz", [raw_review(DAY, number) for number in range(500)])
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(ContractError, match=r"broken\.jsonl\.gz cannot be read .*after \d+ unpacked bytes.*Nothing"):
        pipeline.ingest(IngestConfig(day=DAY, max_bad_share=1))
    assert [lake.open(spec).version() for spec in (REVIEWS, QUARANTINE)] == versions
    assert lake.read(REVIEWS)["review_key"].to_pylist() == ["2014-05-05-0"]


@pytest.mark.spark
def test_a_broken_product_file_is_named(home, land, spark):
    land("2014-05-05.jsonl", [raw_review(DAY)])
    product = {"parent_asin": "P0", "main_category": "Electronics", "categories": ["Electronics", "Cameras"]}
    path = land("../products/meta_x.jsonl.gz", [json.dumps(product | {"title": str(n)}) for n in range(500)])
    path.write_bytes(truncated(path.read_bytes()))

    with pytest.raises(ContractError, match=r"the product file .*meta_x\.jsonl\.gz cannot be read"):
        pipeline.ingest(IngestConfig(day=DAY))
    assert not Lake(str(home / "lake")).written_days(REVIEWS, [DAY])
