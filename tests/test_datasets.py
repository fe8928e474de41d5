"""Published data sets: how their files are read, what is left out, and how they are split."""

import bz2
import csv
import gzip
import io
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from pydantic import ValidationError

from contexts import a_context
from sentiment.core.errors import ContractError
from sentiment.core.names import UNLABELLED
from sentiment.datasets import published
from sentiment.datasets.config import SnapshotConfig
from sentiment.datasets.forms import rows_of
from sentiment.datasets.labels import OPEN
from sentiment.datasets.manifest import (
    SPLITS,
    read_manifest,
)
from sentiment.datasets.published import BadRow, Row, bare
from sentiment.datasets.snapshot import (
    keys_among,
    read_split,
    snapshot_id,
)
from sentiment.datasets.source import SourceFile
from sentiment.datasets.stratify import stratified
from sentiment.datasets.unlabelled import obtain_unlabelled, read_unlabelled
from sentiment.datasets.verbs import SNAPSHOT
from verbs_here import done


def text(number, words=12):
    return " ".join([f"review{number}", *["word"] * (words - 1)])


def polarity_rows(count, first=0):
    """Reviews in turn positive and negative, as (label, title, text)."""
    return [(1 + n % 2, f"Title {n}", text(n)) for n in range(first, first + count)]


def write_csv(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    return path


def write_fasttext(path, rows):
    path.write_text("".join(f"__label__{label} {title}: {words}\n" for label, title, words in rows), encoding="utf-8")
    return path


def write_jsonl(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return path


def imdb_rows(count, first=0, **more):
    return [{"text": text(n), "label": n % 2, "rating": 9 if n % 2 else 2, **more} for n in range(first, first + count)]


def snapshot(home, dataset, source, **more):
    """Make a snapshot; return the verb's result, its folder, and its splits."""
    result = done(SNAPSHOT, SnapshotConfig(dataset=dataset, source=str(source), **more))
    folder = str(home / "lake" / "snapshots" / result["snapshot"])
    return result, folder, {split: read_split(folder, split) for split in SPLITS}


def read(folder, dataset, name, content):
    """Write a file and return its numbered rows; labels that are open are kept as codes."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(rows_of(dataset, SourceFile(str(path), name, "")))


def test_a_quoted_field_of_the_csv_may_hold_quotes_commas_line_breaks_and_escaped_line_breaks(tmp_path):
    content = '"2","So ""good"", really","One\\ntwo, three\nfour"\n"1","","No title"\n'
    assert read(tmp_path, "amazon_polarity", "all.csv", content) == [
        (1, Row(OPEN + 2, 'So "good", really', "One two, three four")),
        (3, Row(OPEN + 1, "", "No title")),
    ]


def test_the_csv_names_what_is_wrong_with_a_row_and_goes_on_with_the_next(tmp_path):
    content = '"label","title","content"\n"1","two"\n"1","t"," "\n"7","t","x"\n"2","t","good"\n'
    rows = read(tmp_path, "amazon_polarity", "all.csv", content)
    assert [number for number, _ in rows] == [1, 2, 3, 4, 5]
    reasons = [row.reason for _, row in rows[:4]]
    assert reasons[1].startswith("the row has 2 values and the first row 3 columns")
    assert [reasons[0], *reasons[2:]] == [
        "the row names the columns",
        "the text is empty",
        "the label is '7', not 1 or 2 (0 or 1 on the hub)",
    ]
    assert rows[4].row == Row(OPEN + 2, "t", "good")


def test_a_quote_that_is_never_closed_costs_a_row_and_not_the_file(tmp_path):
    content = '"1","t","bad"\n"1","t","' + "x" * 140_000 + '\n"2","t","good"\n'
    _, (number, bad), good = read(tmp_path, "amazon_polarity", "all.csv", content)
    assert (number, "do not close" in bad.reason) == (2, True)
    assert good == (3, Row(OPEN + 2, "t", "good"))


def test_two_columns_without_names_are_no_reviews_of_amazon_polarity(tmp_path):
    rows = read(tmp_path, "amazon_polarity", "all.csv", '"2","good"\n"1","bad"\n')
    assert [row.reason for _, row in rows] == ["2 columns, not label, title and content"] * 2
    ((_, row),) = read(tmp_path, "imdb", "all.csv", "comment,mood\ngood,positive\n")
    assert row.reason == "2 columns, not text and label: comment, mood"


@pytest.mark.parametrize(("dataset", "more"), [("imdb", "sentiment"), ("amazon_polarity", "polarity")])
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_of_two_columns_that_may_be_the_label_none_is_taken(tmp_path, dataset, more, kind):
    row = {"text": "good", "title": "t", "label": "0", more: "1"}
    given = f"{','.join(row)}\n{','.join(row.values())}\n" if kind == "csv" else json.dumps(row) + "\n"
    (_, bad) = read(tmp_path, dataset, f"all.{kind}", given)[-1]
    assert bad == BadRow(f"label and {more} may each be the label; leave one of them, and rename the rest")


def test_quotes_behind_backslashes_merge_no_rows(tmp_path):
    content = "".join(f'"{1 + n % 2}","t","it is \\"so\\" good {n}, yes"\n' for n in range(9))
    rows = read(tmp_path, "amazon_polarity", "all.csv", content + '"2","t","it ""is"", yes"\n')
    assert [row.text for _, row in rows] == [*(f'it is "so" good {n}, yes' for n in range(9)), 'it "is", yes']


def test_a_fasttext_line_is_label_title_and_text(tmp_path):
    lines = [
        b"__label__2 Great: it works: well\n",
        b"__label__1 no title here\n",
        b"\n",
        b"broken line\n",
        b"__label__3 a: b\n",
        b"__label__1 a: caf\xe9 au lait\n",
    ]
    rows = read(tmp_path, "amazon_polarity", "all.ft.txt", b"".join(lines))
    assert rows[:2] == [(1, Row(1, "Great", "it works: well")), (2, Row(0, "", "no title here"))]
    assert rows[2:4] == [(n, BadRow("the line does not begin with __label__1 or __label__2")) for n in (4, 5)]
    assert rows[4].row.reason.startswith("the byte 0xe9 is no UTF-8")


def test_imdbs_points_become_stars_of_the_same_sign(tmp_path):
    lines = [json.dumps({"text": "x", "label": int(points > 5), "rating": points}) for points in (1, 4, 7, 8, 9, 10)]
    rows = read(tmp_path, "imdb", "all.jsonl", "\n".join(lines))
    assert [(row.label, row.stars) for _, row in rows] == [
        *((0, 1.0), (0, 2.0)),
        *((1, 4.0), (1, 4.0), (1, 5.0), (1, 5.0)),
    ]
    assert published.read_file("train/pos/123_8.txt", "It <br />works") == Row(1, "", "It works", 4.0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "the line is not a JSON object"),
        ('{"a": ' * 100_000, "the line is not a JSON object"),
        ("1", "the line is not a JSON object"),
        ('{"text": 1, "label": 1}', "there is no text"),
        ('{"text": "a"}', "1 columns, not text and label: text"),
        ('{"text": "a", "label": null}', "the label is 'None', not 0 or 1"),
        ('{"text": "a", "label": NaN}', "the label is 'nan', not 0 or 1"),
        ('{"text": "a", "label": -1}', "the label is '-1', not 0 or 1"),
        ('{"text": "<br />", "label": 1}', "the text is empty"),
        ('{"text": " None ", "label": 1}', "the text is empty"),
        ('{"text": "a", "label": 1, "rating": 11}', "the rating is '11', not 1 to 10"),
        ('{"text": "a", "label": 1, "rating": NaN}', "the rating is 'nan', not 1 to 10"),
        (f'{{"text": "a", "label": 1, "rating": {10**400}}}', "the rating is '10000000000000000000', not 1 to 10"),
    ],
)
def test_a_json_line_that_is_no_review_says_why(tmp_path, line, reason):
    ((number, row),) = read(tmp_path, "imdb", "all.jsonl", line + "\n")
    assert (number, row) == (1, BadRow(reason))


@pytest.mark.parametrize("label", ["1", "1.0", 1, 1.0, True, "positive", " Positive ", "pos"])
def test_a_label_may_be_a_number_or_a_word(tmp_path, label):
    ((_, row),) = read(tmp_path, "imdb", "all.jsonl", json.dumps({"text": "a", "label": label}))
    assert row.label == 1


def test_texts_of_data_sets_are_cleaned_as_those_of_the_lake(tmp_path):
    raw = 'Gre\u00adat!!!<br /><br />I <3 it &amp;quot;so&amp;quot; MUCH  :-) <a href="x">y</a> don&apos;t'
    found = [published.read_fasttext(f"__label__2 {raw}: {raw}"), published.read_file("pos/1_9.txt", raw)]
    line = json.dumps({"text": raw, "title": raw, "label": 1, "category": raw})
    found += [row for _, row in read(tmp_path, "imdb", "all.jsonl", line)]
    cleaned = 'Great!!! I <3 it "so" MUCH :-) y don\'t'
    assert [row.text for row in found] == [cleaned] * 3
    assert (found[0].title, found[2].title, found[2].category) == (cleaned, cleaned, cleaned)


def packed(content, packing):
    """Pack bytes as a name's end says."""
    if packing == ".zst":
        return pa.compress(content, "zstd", asbytes=True)
    return {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress}[packing](content)


def bytes_of(kind, rows):
    """Spell rows, all of the same columns, as a file of a kind."""
    if kind == "parquet":
        into = io.BytesIO()
        parquet.write_table(pa.Table.from_pylist(rows), into)
        return into.getvalue()
    if kind == "jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    into = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if "title" in rows[0] else csv.QUOTE_MINIMAL
    writer = csv.DictWriter(into, list(rows[0]), quoting=quoting)
    writer.writeheader()
    writer.writerows(rows)
    return into.getvalue().encode()


POLARITY_OF_THE_HUB = [
    {"label": label - 1, "title": title, "content": words} for label, title, words in polarity_rows(120)
]
POLARITY_WITH_NAMES = [{"polarity": label, "title": title, "text": words} for label, title, words in polarity_rows(120)]
IMDB_OF_THE_HUB = [{"text": row["text"], "label": row["label"]} for row in imdb_rows(120)]
IMDB_OF_KAGGLE = [
    {"review": f"{row['text']}<br /><br />", "sentiment": ("negative", "positive")[row["label"]]}
    for row in imdb_rows(120)
]


@pytest.mark.parametrize("packing", ["", ".gz", ".bz2", ".zst"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("dataset", "rows"),
    [
        ("amazon_polarity", POLARITY_OF_THE_HUB),
        ("amazon_polarity", POLARITY_WITH_NAMES),
        ("imdb", IMDB_OF_THE_HUB),
        ("imdb", IMDB_OF_KAGGLE),
    ],
    ids=["polarity-hub", "polarity-names", "imdb-hub", "imdb-kaggle"],
)
def test_a_data_set_is_the_same_in_every_form_that_people_have_it_in(home, dataset, rows, kind, packing):
    (home / f"all.{kind}{packing}").write_bytes(packed(bytes_of(kind, rows), packing))
    result, _, splits = snapshot(home, dataset, home / f"all.{kind}{packing}")
    # The authors' CSV of Amazon Polarity has no names of columns, so that a row of names is none of its reviews.
    assert result["bad_rows"] == (dataset == "amazon_polarity" and kind == "csv")
    assert sum(map(len, splits.values())) == 120
    negative = {text(n) for n in range(0, 120, 2)}
    for reviews in splits.values():
        assert [words in negative for words in reviews.texts] == [label == 0 for label in reviews.labels]


def test_what_a_number_means_as_label_is_told_by_all_of_a_file_and_a_stray_one_is_a_bad_row(home):
    hub = [(label - 1, title, words) for label, title, words in polarity_rows(100)]
    stray = ("2", "Stray", text(900))
    result, folder, _ = snapshot(home, "amazon_polarity", write_csv(home / "hub.csv", [*hub[1::2], stray, *hub[::2]]))
    assert result["bad_rows"] == 1
    assert read_manifest(folder).bad_rows.first[0].model_dump() == {
        **{"file": "hub.csv", "row": 51, "reason": "the label is '2', not 0 or 1"}
    }
    assert {name: result["splits"][name]["negative"] for name in SPLITS} == {"train": 35, "validation": 5, "test": 10}


def test_labels_that_mean_one_thing_in_one_file_and_another_in_the_next_are_refused(home):
    write_csv(home / "source" / "train.csv", polarity_rows(60))
    hub = [(label - 1, title, words) for label, title, words in polarity_rows(60, first=60)]
    write_csv(home / "source" / "test.csv", hub)
    with pytest.raises(ContractError, match=r"test\.csv has the labels 0 and 1, and train\.csv 1 and 2"):
        snapshot(home, "amazon_polarity", home / "source")
    alike = [(number, "title", text(n)) for n, number in enumerate([0, 1, 1, 2] * 10)]
    with pytest.raises(ContractError, match=r"all\.csv has the labels 0, 1 and 2, and two of them are wanted"):
        snapshot(home, "amazon_polarity", write_csv(home / "all.csv", alike))
    assert not list(home.rglob("manifest.json"))


def test_a_file_of_one_class_is_understood_by_the_others(home):
    negative, positive = polarity_rows(80)[::2], polarity_rows(80)[1::2]
    write_csv(home / "source" / "bad.csv", negative)
    write_csv(home / "source" / "good.csv", positive)
    result, _, _ = snapshot(home, "amazon_polarity", home / "source")
    assert {name: result["splits"][name]["negative"] for name in SPLITS} == {"train": 28, "validation": 4, "test": 8}


def test_a_web_page_in_place_of_a_file_is_refused(home):
    (home / "train.csv").write_text("<!DOCTYPE html><html><head><title>Quota exceeded</title></head>\n</html>\n")
    with pytest.raises(ContractError, match=r"train\.csv is a web page and no data; fetch the file itself"):
        snapshot(home, "amazon_polarity", home / "train.csv")


def test_what_a_mac_hides_beside_files_and_reviews_without_label_are_passed_over(home):
    source = home / "imdb"
    for side, first in (("train", 0), ("test", 200)):
        write_jsonl(source / f"{side}.jsonl.gz", imdb_rows(100, first=first))
    for twin in ("._train.jsonl.gz", "__MACOSX/._train.jsonl.gz", "__MACOSX/test.jsonl", ".cache/a.csv"):
        (source / twin).parent.mkdir(exist_ok=True)
        (source / twin).write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    write_jsonl(source / "unsupervised.jsonl.gz", imdb_rows(9, label=-1))
    result, folder, splits = snapshot(home, "imdb", source)
    assert (result["bad_rows"], len(splits["test"])) == (0, 100)
    assert read_manifest(folder).source["files"] == 2


def test_both_forms_of_amazon_polarity_give_the_same_reviews_and_splits(home):
    rows = polarity_rows(200)
    _, _, of_csv = snapshot(home, "amazon_polarity", write_csv(home / "all.csv", rows))
    _, _, of_text = snapshot(home, "amazon_polarity", write_fasttext(home / "all.ft.txt", rows))
    for split in SPLITS:
        assert of_csv[split].keys == of_text[split].keys
        assert of_csv[split].titles == of_text[split].titles
        assert list(of_csv[split].labels) == list(of_text[split].labels)
    labels = {review: label - 1 for label, _, review in rows}
    assert [labels[one] for one in of_csv["test"].texts] == list(of_csv["test"].labels)


def test_the_folders_of_the_imdb_archive_and_its_json_lines_give_the_same_reviews(home):
    archive = home / "aclImdb"
    sides = {"train": imdb_rows(60), "test": imdb_rows(30, first=60)}
    for side, rows in sides.items():
        write_jsonl(home / "imdb" / f"{side}.jsonl.gz", rows)
        for number, row in enumerate(rows):
            path = archive / side / ("pos" if row["label"] else "neg") / f"{number}_{row['rating']}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(row["text"], encoding="utf-8")
    (archive / "train" / "unsup").mkdir()
    (archive / "train" / "unsup" / "0_0.txt").write_text(text(1000), encoding="utf-8")
    (archive / "README").write_text("read me", encoding="utf-8")

    _, _, of_folders = snapshot(home, "imdb", archive)
    _, _, of_lines = snapshot(home, "imdb", home / "imdb")
    assert of_folders["test"].keys == of_lines["test"].keys
    assert set(of_folders["train"].keys + of_folders["validation"].keys) == set(
        of_lines["train"].keys + of_lines["validation"].keys
    )
    assert list(of_folders["test"].ratings) == [5.0 if label else 1.0 for label in of_folders["test"].labels]


def unlabelled_of(home, folder):
    """Return the texts without a label beside a snapshot."""
    reviews, of_products = read_unlabelled(folder, obtain_unlabelled(folder, a_context()))
    assert set(reviews.labels) <= {UNLABELLED}
    assert of_products == reviews.keys
    return sorted(reviews.texts)


def write_archive(archive, unlabelled):
    """Write IMDb's archive in small: train and test, and texts without a label in train/unsup."""
    for side, rows in {"train": imdb_rows(60), "test": imdb_rows(30, first=60)}.items():
        for number, row in enumerate(rows):
            path = archive / side / ("pos" if row["label"] else "neg") / f"{number}_{row['rating']}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(row["text"], encoding="utf-8")
    (archive / "train" / "unsup").mkdir()
    for number, words in enumerate(unlabelled):
        (archive / "train" / "unsup" / f"{number}_0.txt").write_text(words, encoding="utf-8")
    (archive / "train" / "urls_unsup.txt").write_text("http://somewhere", encoding="utf-8")
    return archive


def test_imdbs_reviews_without_a_label_stand_beside_the_snapshot_and_in_no_split(home):
    fresh = [f"{text(n)} and the rest of the plot" for n in range(500, 505)]
    repeated = [fresh[0].upper(), text(3), text(65), "too short"]  # of its own, of train, of test
    archive = write_archive(home / "aclImdb", [*fresh, *repeated])
    _, folder, splits = snapshot(home, "imdb", archive)
    assert unlabelled_of(home, folder) == sorted(fresh)
    shutil.rmtree(archive)
    assert unlabelled_of(home, folder) == sorted(fresh)
    assert not set(fresh) & {words for reviews in splits.values() for words in reviews.texts}


def test_reviews_without_a_label_that_came_or_changed_later_are_taken_and_the_source_is_found_from_any_folder(
    home, monkeypatch
):
    fresh = [f"{text(n)} and the rest of the plot" for n in range(500, 505)]
    write_archive(home / "aclImdb", [])
    monkeypatch.chdir(home)
    _, folder, _ = snapshot(home, "imdb", Path("aclImdb"))
    monkeypatch.chdir("/")
    assert unlabelled_of(home, folder) == []
    for count in (3, 5):
        for number, words in enumerate(fresh[:count]):
            (home / "aclImdb/train/unsup" / f"{number}_0.txt").write_text(words, encoding="utf-8")
        assert unlabelled_of(home, folder) == sorted(fresh[:count])
    # The archive was moved, and is named anew.
    shutil.move(home / "aclImdb", home / "there")
    (home / "there/train/unsup/9_0.txt").write_text(f"{text(600)} and no more", encoding="utf-8")
    assert snapshot(home, "imdb", home / "there")[1] == folder
    assert len(unlabelled_of(home, folder)) == 6


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_the_split_unsupervised_of_the_hub_has_no_label_whatever_its_column_says(home, kind):
    source = home / "imdb"
    source.mkdir()
    fresh = [text(n) for n in range(500, 505)]
    parts = {"train": imdb_rows(60), "test": imdb_rows(30, first=60)}
    parts["unsupervised"] = [
        {"text": words, "label": label} for words, label in zip(fresh, (-1, -1, 0, 1, -1), strict=True)
    ]
    for name, rows in parts.items():
        columns = [{"text": row["text"], "label": row["label"]} for row in rows]
        (source / f"{name}-00000-of-00001.{kind}").write_bytes(bytes_of(kind, columns))
    result, folder, splits = snapshot(home, "imdb", source)
    assert (result["bad_rows"], sum(map(len, splits.values()))) == (0, 90)
    assert unlabelled_of(home, folder) == sorted(fresh)


def test_a_source_without_such_reviews_has_none_and_one_that_is_another_now_is_refused(home):
    for side, first in (("train", 0), ("test", 60)):
        write_jsonl(home / "imdb" / f"{side}.jsonl.gz", imdb_rows(60, first=first))
    _, folder, _ = snapshot(home, "imdb", home / "imdb")
    moved = shutil.move(home / "imdb", home / "elsewhere")
    with pytest.raises(
        ContractError, match=r"does not hold any more what snapshot \w+ was made of: put the files back"
    ):
        unlabelled_of(home, folder)
    shutil.move(moved, home / "imdb")
    assert unlabelled_of(home, folder) == []
    _, of_polarity, _ = snapshot(home, "amazon_polarity", write_csv(home / "all.csv", polarity_rows(100)))
    (home / "all.csv").unlink()
    assert unlabelled_of(home, of_polarity) == []


def test_a_table_without_texts_is_refused_until_it_has_some(home):
    for side, first in (("train", 0), ("test", 60)):
        write_jsonl(home / "imdb" / f"{side}.jsonl.gz", imdb_rows(60, first=first))
    table, fresh = home / "imdb" / "unsupervised.csv", [text(n) for n in range(500, 510)]
    table.write_text("body,number\n" + "".join(f"{words},1\n" for words in fresh))
    _, folder, _ = snapshot(home, "imdb", home / "imdb")
    with pytest.raises(ContractError, match=r"10 of 10 rows in .*unsupervised\.csv row 2: there is no text"):
        unlabelled_of(home, folder)
    table.write_text("text\n" + "".join(f"{words}\n" for words in fresh))
    assert unlabelled_of(home, folder) == sorted(fresh)


def test_a_source_is_the_same_by_whatever_way_it_is_named(home, monkeypatch):
    inner = home / "train" / ".cache" / "imdb"
    for side, first in (("train", 0), ("test", 60)):
        write_jsonl(inner / f"{side}.jsonl.gz", imdb_rows(60, first=first))
    (home / "link").symlink_to(inner)
    found = [snapshot(home, "imdb", source) for source in (inner, inner / ".." / "imdb", home / "link")]
    assert len({result["snapshot"] for result, _, _ in found}) == 1
    assert len(found[0][2]["test"]) == 60


def test_a_file_that_is_a_link_is_called_as_the_link_is(home):
    blob = write_csv(home / "blobs" / "ab12", polarity_rows(100))
    (home / "train.csv").symlink_to(blob)
    assert snapshot(home, "amazon_polarity", home / "train.csv")[0]["bad_rows"] == 0


def test_a_given_test_stays_whole_and_what_repeats_it_leaves_the_training(home):
    train, test = imdb_rows(100), imdb_rows(20, first=200)
    copied = {**test[0], "rating": None}
    write_jsonl(home / "imdb" / "train.jsonl.gz", [*train, copied, *train[:3], {**train[5], "text": "too short"}])
    write_jsonl(home / "imdb" / "test.jsonl.gz", [*test, test[1], test[1]])
    result, folder, splits = snapshot(home, "imdb", home / "imdb")

    assert sorted(splits["test"].texts) == sorted(row["text"] for row in [*test, test[1], test[1]])
    assert len(set(splits["test"].keys)) == len(test) + 2
    assert sorted(splits["train"].texts + splits["validation"].texts) == sorted(row["text"] for row in train)
    assert len(splits["validation"]) == 10
    assert read_manifest(folder).left_out == {
        **{"too_short": 1, "also_in_test": 1},
        **{"contradictory": 0, "repeated": 3},
    }
    assert result["splits"]["unused"]["reviews"] == 5


def test_reviews_in_scripts_without_spaces_are_kept_where_they_have_letters_enough(home):
    def rows(count, first=0):
        texts = [
            *("这个手机的质量实在太差了，用了两天就坏了，客服一直不理人，很后悔买" + "好" * n for n in range(count)),
            *("คุณภาพแย่มาก ใช้สองวันก็พัง ไม่แนะนำให้ซื้อ เสียเงินเปล่า ร้านไม่รับคืน" + "ก" * n for n in range(count)),
            *("太差了" + "好" * n for n in range(count)),
        ]
        return [{"text": f"{text}{first}", "label": at % 2} for at, text in enumerate(texts)]

    write_jsonl(home / "imdb" / "train.jsonl.gz", rows(20))
    write_jsonl(home / "imdb" / "test.jsonl.gz", rows(4, first=1))
    _, folder, splits = snapshot(home, "imdb", home / "imdb")
    assert [len(splits[split]) for split in SPLITS] == [36, 4, 8]
    assert read_manifest(folder).left_out["too_short"] == 24


def test_one_text_never_stands_in_two_splits(home):
    rows = [(label, f"Title {n}", words) for n, (label, _, words) in enumerate(polarity_rows(100) * 3)]
    _, folder, splits = snapshot(home, "amazon_polarity", write_csv(home / "all.csv", rows))
    texts = [words for split in SPLITS for words in splits[split].texts]
    assert len(texts) == len(set(texts)) == 100
    assert read_manifest(folder).left_out["repeated"] == 200


ALTERATIONS = (
    str.upper,
    str.title,
    lambda text: f"{text}!!",
    lambda text: text.replace(" ", "  "),
    lambda text: f"\u201c{text}\u201d",
    lambda text: text.replace(" ", ", ", 3),
    lambda text: f"{text} \u2026",
)


def test_an_altered_copy_of_a_test_text_is_found_in_the_training_file(home):
    train, test = imdb_rows(100), imdb_rows(20, first=200)
    copies = [{**row, "text": alter(row["text"])} for row in test for alter in ALTERATIONS]
    write_jsonl(home / "imdb" / "train.jsonl.gz", [*train, *copies])
    write_jsonl(home / "imdb" / "test.jsonl.gz", test)
    _, folder, splits = snapshot(home, "imdb", home / "imdb")

    assert read_manifest(folder).left_out["also_in_test"] == len(copies)
    assert sorted(splits["train"].texts + splits["validation"].texts) == sorted(row["text"] for row in train)


def test_a_text_of_both_labels_teaches_nothing_and_is_counted_by_itself(home):
    train = imdb_rows(100)
    against = [{**row, "label": 1 - row["label"], "text": f"{row['text']}!"} for row in train[:3]]
    write_jsonl(home / "imdb" / "train.jsonl.gz", [*train, *against, train[0], train[7]])
    write_jsonl(home / "imdb" / "test.jsonl.gz", imdb_rows(20, first=200))
    _, folder, splits = snapshot(home, "imdb", home / "imdb")

    left_out = read_manifest(folder).left_out
    assert (left_out["contradictory"], left_out["repeated"]) == (7, 1)
    assert not {row["text"] for row in train[:3]} & {*splits["train"].texts, *splits["validation"].texts}


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("It's good!", "its GOOD", True),
        ("Stra\u00dfe \u2014 na ja", "STRASSE, na ja.", True),
        ("\u00fcbel", "ubel", False),
        (":-)", ":-(", False),
        ("\u732b \U0001f600", "\u732b \U0001f621", False),
        ("half \ud83d", "half", False),
        ("5 of 5", "1 of 5", False),
    ],
)
def test_two_texts_are_one_when_their_letters_and_figures_are(one, other, equal):
    assert (bare(one) == bare(other)) is equal


def test_each_split_has_the_same_share_of_every_label_in_every_category():
    labels = np.array([0] * 100 + [1] * 900)
    categories = np.array((["Books"] * 50 + ["Toys"] * 50) + (["Books"] * 600 + ["Toys"] * 300), object)
    splits = stratified(labels, categories, {"test": 0.2, "validation": 0.1}, seed=3)
    for label, category, reviews in ((0, "Books", 50), (0, "Toys", 50), (1, "Books", 600), (1, "Toys", 300)):
        inside = splits[(labels == label) & (categories == category)]
        counts = {split: int((inside == split).sum()) for split in SPLITS}
        assert counts == {"test": reviews // 5, "validation": reviews // 10, "train": reviews * 7 // 10}
    assert list(stratified(labels, categories, {"test": 0.2}, seed=3)) != list(
        stratified(labels, categories, {"test": 0.2}, seed=4)
    )


def test_a_category_of_a_single_review_goes_to_the_training():
    labels, categories = np.array([0, 1] * 10), np.array(["Books"] * 19 + ["Rare"], object)
    assert stratified(labels, categories, {"test": 0.2}, seed=1)[-1] == "train"


def test_bad_rows_are_counted_and_the_first_are_named_while_the_rest_goes_on(home):
    rows = [*polarity_rows(200), *[("3", "title", text(n)) for n in range(25)]]
    result, folder, splits = snapshot(home, "amazon_polarity", write_csv(home / "all.csv", rows))
    named = read_manifest(folder).bad_rows
    assert (result["bad_rows"], named.count, len(named.first)) == (25, 25, 20)
    reason = "the label is '3', not 1 or 2 (0 or 1 on the hub)"
    assert named.first[0].model_dump() == {"file": "all.csv", "row": 201, "reason": reason}
    assert sum(len(reviews) for reviews in splits.values()) == 200


def test_more_than_a_fifth_of_bad_rows_is_refused_and_leaves_no_snapshot(home):
    path = write_csv(home / "all.csv", [*polarity_rows(100), *[("3", "title", "text")] * 26])
    with pytest.raises(ContractError, match=r"26 of 126 rows .*all.csv row 101: the label is '3'.* or mend the files"):
        snapshot(home, "amazon_polarity", path)
    assert not list(home.rglob("manifest.json"))


def test_a_file_without_reviews_is_refused(home):
    with pytest.raises(ContractError, match=r"there is no row in .*; name files of imdb"):
        snapshot(home, "imdb", write_jsonl(home / "train.jsonl.gz", []))


@pytest.mark.parametrize("left", [slice(0, 0), slice(0, -8)])
def test_a_packed_file_that_breaks_off_is_refused(home, left):
    write_jsonl(home / "more.jsonl.gz", imdb_rows(100, first=100))
    path = write_jsonl(home / "all.jsonl.gz", imdb_rows(100))
    path.write_bytes(path.read_bytes()[left])
    with pytest.raises(ContractError, match=r"all\.jsonl\.gz cannot be read to its end: .*; fetch it again"):
        snapshot(home, "imdb", home)
    assert not list(home.rglob("manifest.json"))


@pytest.mark.parametrize(
    ("dataset", "kind", "rows", "cut"),
    [
        ("amazon_polarity", "csv", POLARITY_WITH_NAMES, 5),
        ("imdb", "csv", IMDB_OF_KAGGLE, 5),
        ("imdb", "csv", IMDB_OF_KAGGLE, 25),
        ("imdb", "jsonl", IMDB_OF_THE_HUB, 5),
        ("imdb", "parquet", IMDB_OF_THE_HUB, 5),
    ],
)
@pytest.mark.parametrize("packing", ["", ".zst"])
def test_a_file_that_breaks_off_is_refused(home, dataset, kind, rows, cut, packing):
    (home / f"all.{kind}{packing}").write_bytes(packed(bytes_of(kind, rows)[:-cut], packing))
    with pytest.raises(
        ContractError, match=rf"all\.{kind}{packing} (breaks off|cannot be read to its end).*; fetch it"
    ):
        snapshot(home, dataset, home / f"all.{kind}{packing}")
    assert not list(home.rglob("manifest.json"))


def test_a_bad_last_row_is_one_bad_row_where_its_line_ends(home):
    content = bytes_of("csv", IMDB_OF_KAGGLE) + b"what is this?\n"
    (home / "all.csv").write_bytes(content)
    assert snapshot(home, "imdb", home / "all.csv")[0]["bad_rows"] == 1


@pytest.mark.parametrize("form", ["all.csv", "all.ft.txt", "all.jsonl.gz"])
def test_a_byte_order_mark_costs_no_review(home, form):
    write = {"all.csv": write_csv, "all.ft.txt": write_fasttext, "all.jsonl.gz": write_jsonl}[form]
    dataset, rows = ("imdb", imdb_rows(100)) if write is write_jsonl else ("amazon_polarity", polarity_rows(100))
    path = write(home / form, rows)
    packed = form.endswith(".gz")
    marked = b"\xef\xbb\xbf" + (gzip.decompress(path.read_bytes()) if packed else path.read_bytes())
    path.write_bytes(gzip.compress(marked) if packed else marked)

    result, _, splits = snapshot(home, dataset, path)
    assert (result["bad_rows"], sum(len(reviews) for reviews in splits.values())) == (0, 100)


def test_a_split_without_one_of_the_classes_is_refused(home):
    rows = [row for row in polarity_rows(100) if row[0] == 2]
    with pytest.raises(ContractError, match=r"the train split has no negative review .* give a larger source"):
        snapshot(home, "amazon_polarity", write_csv(home / "all.csv", rows))


def test_a_source_of_two_forms_or_of_none_or_with_a_stray_file_is_refused(home):
    folder = home / "source"
    write_csv(folder / "train.csv", polarity_rows(40))
    write_csv(folder / "test.csv", polarity_rows(40, first=100))
    (home / "other").mkdir()
    (home / "other" / "README").write_text("read me")
    with pytest.raises(ContractError, match="holds no file of imdb; give one file, or a folder of one form: CSV"):
        snapshot(home, "imdb", home / "other")
    stray = write_csv(folder / "more.csv", polarity_rows(4))
    with pytest.raises(ContractError, match=r"more\.csv, which is neither; name it after its side, or move it away"):
        snapshot(home, "amazon_polarity", folder)
    write_fasttext(stray.with_name("more.ft.txt"), polarity_rows(4))
    with pytest.raises(ContractError, match=r"holds CSV \(.csv\) and fastText"):
        snapshot(home, "amazon_polarity", folder)
    (folder / "_delta_log").mkdir()
    (folder / "_delta_log" / "0.json").touch()
    with pytest.raises(ContractError, match=f"{folder} is a table of Delta"):
        snapshot(home, "amazon_polarity", folder)


def test_the_same_files_give_the_same_snapshot_without_work_wherever_they_lie(home, monkeypatch):
    path = write_csv(home / "here" / "all.csv", polarity_rows(100))
    first, folder, _ = snapshot(home, "amazon_polarity", path)
    moved = home / "there" / "all.csv"
    moved.parent.mkdir()
    shutil.move(path, moved)
    with monkeypatch.context() as patch:
        patch.setattr("sentiment.datasets.from_files.make_file_snapshot", None)
        assert snapshot(home, "amazon_polarity", moved)[0] == first
    assert read_manifest(folder).config["source"] == str(moved)
    assert snapshot(home, "amazon_polarity", moved, split_seed=3)[0]["snapshot"] != first["snapshot"]
    write_csv(moved, polarity_rows(101))
    assert snapshot(home, "amazon_polarity", moved)[0]["snapshot"] != first["snapshot"]


def test_the_id_of_a_snapshot_of_the_lake_does_not_change_between_releases():
    pinned = SnapshotConfig(from_day="1999-06-30", to_day="2014-02-28", reviews_version=1)
    assert snapshot_id(pinned, "a-table") == "52474bf1ea11"
    at_random = [pinned.model_copy(update={"split": "random", "recent_share": share}) for share in (0.25, 0.5)]
    assert len({snapshot_id(one, "a-table") for one in (pinned, *at_random)}) == 2


def test_samples_of_a_data_set_nest_and_what_it_does_not_know_is_nan_empty_or_zero(home):
    _, folder, splits = snapshot(home, "amazon_polarity", write_csv(home / "all.csv", polarity_rows(2_000)))
    whole = splits["train"]
    assert read_split(folder, "train", 5).keys == whole.keys[:5]
    assert read_split(folder, "train", 600).texts == whole.texts[:600]
    assert all(math.isnan(stars) for stars in whole.ratings)
    assert set(whole.categories) == {""}
    assert set(whole.years) == {0}


def test_of_some_keys_those_are_found_that_a_split_holds(home):
    _, folder, splits = snapshot(home, "amazon_polarity", write_csv(home / "all.csv", polarity_rows(2_000)))
    some = {*splits["train"].keys[:5], *splits["test"].keys[:3], "another"}
    assert keys_among(folder, "train", some) == set(splits["train"].keys[:5])
    assert keys_among(folder, "train", set()) == set()


def test_json_lines_may_name_a_category_and_leave_the_stars_out_of_some_rows(home):
    rows = [*imdb_rows(50, category="Films"), *imdb_rows(50, first=50, rating=None)]
    _, folder, splits = snapshot(home, "imdb", write_jsonl(home / "all.jsonl.gz", rows))
    train = splits["train"]
    assert [math.isnan(stars) for stars in train.ratings] == [category == "" for category in train.categories]
    assert read_manifest(folder).splits["test"].categories == {
        "Films": {"negative": 5, "positive": 5},
        "unknown": {"negative": 5, "positive": 5},
    }


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"dataset": "imdb"}, "dataset imdb needs a source"),
        ({"source": "/data/imdb"}, "is not read for the lake; name its dataset"),
        ({"dataset": "imdb", "source": "x", "from_day": "2024-01-01"}, "from_day choose reviews of the lake"),
        ({"dataset": "imdb", "source": "x", "test_share": 0.9}, "leave nothing to train on; lower them"),
        ({"dataset": "imdb", "source": "x", "test_categories": ("A",)}, "test_categories choose reviews of the lake"),
        ({"split": "random", "test_share": 0.9}, "leave nothing to train on; lower them"),
    ],
)
def test_a_configuration_that_mixes_lake_and_files_is_refused(given, sentence):
    with pytest.raises(ValidationError, match=sentence):
        SnapshotConfig(**given)


def test_the_manifest_of_an_earlier_version_is_read_as_it_was_written(tmp_path):
    counts = {"reviews": 3, "negative": 1, "positive": 2, "positive_share": 0.6667}
    older = {
        "id": "0123456789ab",
        "config": {"from_day": "1994-01-01", "a_field_that_is_gone": 1},
        "cutoff": "None",
        "bad_rows": {"count": 1, "first": [{"file": "all.csv", "row": 7, "reason": "not CSV"}]},
        "splits": {"train": {**counts, "categories": {"Books": {"negative": 1, "positive": 2}}}, "unused": counts},
        "files": {"train": ["train-1.parquet"]},
    }
    (tmp_path / "manifest.json").write_text(json.dumps(older))
    manifest = read_manifest(str(tmp_path))
    assert (manifest.dataset, manifest.cutoff, manifest.splits["train"].positive) == ("lake", None, 2)
    assert manifest.as_json() == older | {"cutoff": None}
