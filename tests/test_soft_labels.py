"""Soft labels: made out of fold by product, kept as a table, and gone on with after an interruption or a kill."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import mlflow
import numpy as np
import pytest
from pyarrow import parquet

import tiny
from conftest import FOLDERS
from contexts import a_context
from sentiment.core.errors import ConcurrentWriteError, ContractError
from sentiment.core.locks import alone
from sentiment.core.names import UNLABELLED
from sentiment.core.settings import Settings
from sentiment.datasets.config import SnapshotConfig
from sentiment.datasets.folds import fold_of
from sentiment.datasets.manifest import require_manifest
from sentiment.datasets.snapshot import read_split, read_with_products, snapshot_folder
from sentiment.datasets.verbs import SNAPSHOT as SNAPSHOT_VERB
from sentiment.stores.lake.tables import Lake
from sentiment.training import soft_labels
from sentiment.training.candidate import train_candidate
from sentiment.training.config.teaching import SoftLabelsConfig
from sentiment.training.soft_labels import read_material
from sentiment.training.teaching.kept import Kept, kept_of
from sentiment.training.teaching.lessons import lessons
from sentiment.training.teaching.table import TABLE, folder_of
from sentiment.training.verbs import SOFT_LABELS
from taught import OTHER, SIZES, SNAPSHOT, THREE_STARS, deployed, write_snapshot

# Another process that labels one fold of three and is killed when it begins with the second.
KILLED = """
import os, signal, sys
from contexts import a_context
from sentiment.training.config.teaching import SoftLabelsConfig
from sentiment.training.verbs import SOFT_LABELS
def kill(step, done=0, total=0):
    if step.startswith("fold 2 of 3: training"):
        os.kill(os.getpid(), signal.SIGKILL)
SOFT_LABELS.run(SoftLabelsConfig(model=sys.argv[1], unlabelled_reviews=7), a_context(progress=kill))
"""


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("home")) as settings:
        yield settings


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return tiny.write_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def teacher(deployment, encoder):
    """The run of a linear training, whose settings the teacher takes."""
    config = tiny.config(encoder, "linear", snapshot=SNAPSHOT, train_reviews=300, folds=2, fold_reviews=100)
    return train_candidate(config, a_context(deployment)).run_id


@pytest.fixture(scope="module")
def made(deployment, teacher):
    """Soft labels of three folds, and which reviews each model was trained on."""
    trained, fit = [], soft_labels.fit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(soft_labels, "fit", lambda *given: trained.append(given[1]) or fit(*given))
        return SOFT_LABELS.run(SoftLabelsConfig(model=teacher), a_context(deployment)), trained


def rows_of(result):
    return parquet.read_table(result.table).to_pylist()


def product_of(key):
    """The product of a generated review of a `taught` snapshot."""
    seed, row = key.split("-")
    return f"{seed}-P{int(row) // 3}"


def test_a_fold_is_a_hash_of_the_product_and_the_same_everywhere():
    products = [f"B{number:09}" for number in range(3_000)]
    folds = [fold_of(product, 3) for product in products]
    assert [fold_of(product, 3) for product in products] == folds
    assert folds[:6] == [2, 1, 3, 2, 2, 1]
    assert min(np.bincount(folds)[1:]) > 900


def test_no_model_labels_a_product_that_it_was_trained_on(made):
    result, trained = made
    assert len(trained) == result.folds == 3
    for fold, reviews in enumerate(trained, start=1):
        learnt_from = {product_of(key) for key in reviews.keys}
        asked = {product_of(row["review_key"]) for row in rows_of(result) if row["fold"] == fold}
        assert learnt_from
        assert asked
        assert not learnt_from & asked


def test_every_training_review_of_the_run_has_a_soft_label_and_three_stars_in_proportion(made, teacher):
    result, trained = made
    rows = rows_of(result)
    stars = [row for row in rows if row["review_key"].startswith("50-")]
    assert (result.train_reviews, result.unlabelled_reviews) == (300, round(THREE_STARS * 300 / SIZES["train"]))
    assert len(rows) == len({row["review_key"] for row in rows}) == 300 + len(stars)
    assert len(stars) == result.unlabelled_reviews
    assert list(rows[0]) == ["review_key", "log_odds", "teacher", "fold"]
    assert {row["teacher"] for row in rows} == {teacher}
    assert not any(key.startswith("50-") for reviews in trained for key in reviews.keys)


def test_stars_are_learnt_of_three_star_reviews_of_the_other_folds_as_a_training_learns_them(deployment, encoder):
    asked = SoftLabelsConfig(model="0" * 32, folds=3)
    for star_weight, wanted in ((0.3, round(THREE_STARS * 180 / SIZES["train"])), (0.0, 0)):
        training = tiny.config(encoder, snapshot=SNAPSHOT, train_reviews=180, star_weight=star_weight)
        material = soft_labels.read_material(training, asked, a_context(deployment))
        learnt = [material.lessons_without(fold) for fold in (1, 2, 3)]
        alone = [key for reviews in learnt for key in reviews.keys if key.startswith("50-")]
        assert len(set(alone)) == wanted
        assert len(alone) == 2 * wanted  # each in all models but that of its fold
        assert all((reviews.labels == UNLABELLED).sum() == (reviews.ratings == 3).sum() for reviews in learnt)


def test_more_reviews_can_be_labelled_than_are_trained_on(deployment, teacher, made, monkeypatch):
    trained, fit = [], soft_labels.fit
    monkeypatch.setattr(soft_labels, "fit", lambda *given: trained.append(given[1]) or fit(*given))
    config = SoftLabelsConfig(model=teacher, labelled_reviews=SIZES["train"], unlabelled_reviews=0)
    result = SOFT_LABELS.run(config, a_context(deployment))
    rows = rows_of(result)
    assert len(rows) == SIZES["train"] > 300
    run = mlflow.MlflowClient(deployment.tracking_uri).get_run(result.run_id).data
    assert (run.metrics["train_reviews"], run.params["labelled_reviews"]) == (SIZES["train"], str(SIZES["train"]))
    assert "train_reviews" not in run.params  # as many as the run's: the form was left empty
    assert [reviews.keys for reviews in trained] == [reviews.keys for reviews in made[1]]
    for fold, reviews in enumerate(trained, start=1):
        asked = {product_of(row["review_key"]) for row in rows if row["fold"] == fold}
        assert not {product_of(key) for key in reviews.keys} & asked


def test_imdbs_folder_of_reviews_without_a_label_is_labelled_and_taught_and_no_model_is_trained_on_it(
    deployment, encoder, tmp_path, monkeypatch
):
    parts = {("train", "pos"): (200, 0), ("test", "pos"): (100, 1), ("train", "unsup"): (40, 2)}
    for (side, folder), (count, seed) in parts.items():
        some = tiny.reviews(count, seed=seed + 300)
        for number, (label, words) in enumerate(zip(some.labels, some.texts, strict=True)):
            kind = folder if folder == "unsup" else ("neg", "pos")[label]
            file = tmp_path / side / kind / f"{number}_{0 if folder == 'unsup' else 9 if label else 2}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{words} {seed} {number}", encoding="utf-8")
    context = a_context(deployment)
    pinned = SNAPSHOT_VERB.run(SnapshotConfig(dataset="imdb", source=str(tmp_path), min_words=2), context)
    config = tiny.config(encoder, "linear", snapshot=pinned.snapshot, train_reviews=150)
    trained, fit = [], soft_labels.fit
    monkeypatch.setattr(soft_labels, "fit", lambda *given: trained.append(given[1]) or fit(*given))
    asked = SoftLabelsConfig(model=train_candidate(config, context).run_id, folds=2, unlabelled_reviews=30)
    result = SOFT_LABELS.run(asked, context)
    assert (result.train_reviews, result.unlabelled_reviews) == (150, 30)
    folder = snapshot_folder(Lake(deployment.lake_root), pinned.snapshot)
    labelled = set(read_split(folder, "train").keys)
    unknown = {row["review_key"] for row in rows_of(result)} - labelled
    assert len(unknown) == 30
    assert not any(unknown & set(reviews.keys) for reviews in trained)
    student = tiny.config(encoder, "gru", snapshot=pinned.snapshot, teacher=result.run_id)
    taught = lessons(student, read_split(folder, "train", 20, config.seed), context)
    assert set(taught.keys[20:]) == unknown
    assert set(taught.labels[20:]) == {UNLABELLED}


def test_where_no_review_lacks_a_label_those_with_one_are_labelled(deployment, encoder):
    folder = write_snapshot(deployment, OTHER, first_seed=10)
    (Path(folder) / "unlabelled.json").write_text('{"reviews": 0, "files": []}')
    config = tiny.config(encoder, "linear", snapshot=OTHER, train_reviews=200)
    asked = SoftLabelsConfig(
        model=train_candidate(config, a_context(deployment)).run_id, folds=2, unlabelled_reviews=50
    )
    result = SOFT_LABELS.run(asked, a_context(deployment))
    assert (result.train_reviews, result.unlabelled_reviews, len(rows_of(result))) == (200, 0, 200)
    assert "200 training reviews have a soft label" in result.sentences()[0]


def test_the_result_says_how_right_the_soft_labels_are_and_how_a_student_takes_them(made):
    result, _ = made
    labels = dict(zip(tiny.reviews(SIZES["train"]).keys, tiny.reviews(SIZES["train"]).labels, strict=True))
    right = [
        (row["log_odds"] > 0) == labels[row["review_key"]] for row in rows_of(result) if row["review_key"] in labels
    ]
    assert result.accuracy == pytest.approx(np.mean(right), abs=1e-4)
    assert result.accuracy > 0.9
    first, second = result.sentences()
    assert (
        "300 training reviews and 50 reviews without a star label have a soft label; out of 3 folds by product" in first
    )
    assert f"`sentiment train --teacher {result.run_id} --snapshot {SNAPSHOT}`" in second


def test_the_run_in_mlflow_keeps_the_table_and_its_figures(made, tmp_path):
    result, _ = made
    kept = mlflow.artifacts.download_artifacts(run_id=result.run_id, artifact_path=TABLE, dst_path=tmp_path)
    assert Path(kept).read_bytes() == Path(result.table).read_bytes()
    run = mlflow.get_run(result.run_id)
    assert run.data.metrics["out_of_fold_accuracy"] == pytest.approx(result.accuracy, abs=1e-4)
    assert run.data.metrics["train_reviews"] == 300
    assert (run.info.run_name, run.info.status) == ("soft-labels-linear", "FINISHED")


def test_the_same_question_is_answered_at_once_and_another_one_anew(made, deployment, teacher, monkeypatch):
    result, _ = made

    def made_anew(*_: object) -> None:
        raise MemoryError("made anew")

    monkeypatch.setattr(soft_labels, "fit", made_anew)
    assert SOFT_LABELS.run(SoftLabelsConfig(model=teacher), a_context(deployment)) == result
    with pytest.raises(MemoryError, match="made anew"):
        SOFT_LABELS.run(SoftLabelsConfig(model=teacher, folds=2), a_context(deployment))


def test_a_making_that_was_interrupted_goes_on_with_the_folds_that_are_missing(deployment, teacher):
    asked, told = SoftLabelsConfig(model=teacher, unlabelled_reviews=0), []

    def interrupt(step, *_):
        if step.startswith("fold 3 of 3: training"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="the same command again goes on; folds that are done: 2"):
        SOFT_LABELS.run(asked, a_context(deployment, progress=interrupt))
    result = SOFT_LABELS.run(asked, a_context(deployment, progress=lambda step, *_: told.append(step)))
    assert {step[:6] for step in told} == {"fold 3"}
    assert result.unlabelled_reviews == 0
    assert len(rows_of(result)) == 300
    assert mlflow.get_run(result.run_id).info.status == "FINISHED"
    assert {file.name for file in Path(result.table).parent.iterdir()} == {TABLE, "asked.json", "at-work.lock"}


def test_folds_that_are_done_are_taken_over_from_a_run_that_mlflow_lost(deployment, teacher):
    asked, told = SoftLabelsConfig(model=teacher, unlabelled_reviews=3), []

    def interrupt(fold):
        def at(step, *_):
            told.append(step)
            if step.startswith(f"fold {fold} of 3: training"):
                raise KeyboardInterrupt

        return at

    for fold in (3, 3, 0):
        with suppress(KeyboardInterrupt):
            SOFT_LABELS.run(asked, a_context(deployment, progress=interrupt(fold)))
        mlflow.delete_run(kept_of(asked, deployment).run_id)
    assert [step[:6] for step in told if ": training linear" in step] == ["fold 1", "fold 2", *["fold 3"] * 3]


def test_of_two_begun_makings_the_one_that_came_further_goes_on(tmp_path):
    settings, asked = Settings(home=tmp_path), SoftLabelsConfig(model="0" * 32)
    for run, folds in {"a": 0, "b": 2, "c": 1}.items():
        folder_of(settings, run).mkdir(parents=True)
        Kept(run_id=run, config=asked).write(folder_of(settings, run))
        for fold in range(folds):
            (folder_of(settings, run) / f"fold-{fold + 1}.parquet").touch()
    assert kept_of(asked, settings).run_id == "b"


def test_one_product_can_be_labelled_where_the_split_is_at_random_and_is_else_refused_before_a_model_is_trained(
    deployment, encoder, monkeypatch
):
    monkeypatch.setattr(soft_labels, "read_with_products", of_one_product)
    config = tiny.config(encoder, "linear", snapshot=SNAPSHOT, train_reviews=300)
    asked = SoftLabelsConfig(model="0" * 32, unlabelled_reviews=0)
    with pytest.raises(ContractError, match="leaves no training reviews of both labels; name fewer folds"):
        read_material(config, asked, a_context(deployment))

    at_random = require_manifest(folder_of_snapshot(deployment)).model_copy(update={"config": {"split": "random"}})
    monkeypatch.setattr(soft_labels, "require_manifest", lambda _: at_random)
    assert set(read_material(config, asked, a_context(deployment)).folds) == {1, 2, 3}


def of_one_product(*given):
    reviews, products = read_with_products(*given)
    return reviews, ["Our app"] * len(products)


def folder_of_snapshot(settings):
    return snapshot_folder(Lake(settings.lake_root), SNAPSHOT)


def test_a_neural_fold_that_was_interrupted_goes_on_from_its_last_checkpoint(deployment, encoder):
    config = tiny.config(encoder, "gru", snapshot=SNAPSHOT, train_reviews=300, evaluations=5)
    asked = SoftLabelsConfig(model=train_candidate(config, a_context(deployment)).run_id, folds=2, unlabelled_reviews=0)
    told = []

    def interrupt(step, done=0, total=0):
        if step == "fold 2 of 2: training, per cent" and done >= 60:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="folds that are done: 1"):
        SOFT_LABELS.run(asked, a_context(deployment, progress=interrupt))
    SOFT_LABELS.run(asked, a_context(deployment, progress=lambda step, *counts: told.append((step, *counts))))
    trained = [counts[0] for step, *counts in told if step == "fold 2 of 2: training, per cent"]
    assert trained[0] > 20  # per cent: the first validation, and checkpoint, is at a fifth
    assert not any(step.startswith("fold 1") for step, *_ in told)


@pytest.mark.slow
def test_a_making_that_was_killed_goes_on_in_its_run_and_gives_what_it_would_have_given(deployment, teacher, made):
    path = os.pathsep.join([FOLDERS, str(Path(__file__).parent)])
    environment = {**os.environ, **deployment.as_environment(), "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    killed = subprocess.run([sys.executable, "-c", KILLED, teacher], env=environment, capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr.decode()
    (part,) = (deployment.home / "soft-labels").glob("*/fold-1.parquet")
    told = []
    context = a_context(deployment, progress=lambda step, *_: told.append(step))
    result = SOFT_LABELS.run(SoftLabelsConfig(model=teacher, unlabelled_reviews=7), context)
    assert result.run_id == part.parent.name
    assert {step[:6] for step in told} == {"fold 2", "fold 3"}
    uninterrupted = {row["review_key"]: row["log_odds"] for row in rows_of(made[0])}
    again = {row["review_key"]: row["log_odds"] for row in rows_of(result) if row["review_key"] in uninterrupted}
    assert again == pytest.approx({key: uninterrupted[key] for key in again}, rel=1e-4)


def test_the_same_soft_labels_are_not_made_twice_at_once(made, deployment, teacher):
    with (
        alone(folder_of(deployment, made[0].run_id) / "at-work.lock", RuntimeError()),
        pytest.raises(ConcurrentWriteError, match="being made already"),
    ):
        SOFT_LABELS.run(SoftLabelsConfig(model=teacher), a_context(deployment))


def test_two_that_ask_the_same_at_once_do_not_both_make_it(deployment, teacher):
    # The second one asks before the first has a run in MLflow.
    asked, told = SoftLabelsConfig(model=teacher, folds=2, unlabelled_reviews=3), []

    def ask_as_well(step, *_):
        if not told:
            told.append(step)
            with pytest.raises(ConcurrentWriteError, match="are being made already; wait for them"):
                SOFT_LABELS.run(asked, a_context(deployment))

    real = soft_labels.read_material
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(soft_labels, "read_material", lambda *given: ask_as_well("reading") or real(*given))
        result = SOFT_LABELS.run(asked, a_context(deployment))
    assert told == ["reading"]
    assert SOFT_LABELS.run(asked, a_context(deployment)) == result


def test_a_neural_teacher_goes_through_the_trainer_with_the_settings_of_its_run(deployment, encoder):
    config = tiny.config(encoder, "encoder", snapshot=SNAPSHOT, train_reviews=240, evaluations=1, epochs=4.0)
    run_id = train_candidate(config, a_context(deployment)).run_id
    result = SOFT_LABELS.run(SoftLabelsConfig(model=run_id, folds=2, train_reviews=200), a_context(deployment))
    assert (result.family, result.train_reviews) == ("encoder", 200)
    assert result.accuracy > 0.9
    assert not list(Path(result.table).parent.glob("fold-*"))


def test_a_run_that_is_no_training_or_was_taught_itself_is_refused(made, deployment, encoder):
    result, _ = made
    with pytest.raises(ContractError, match="is no id of a run"):
        SOFT_LABELS.run(SoftLabelsConfig(model="champion"), a_context(deployment))
    with pytest.raises(ContractError, match="it is no training of this platform"):
        SOFT_LABELS.run(SoftLabelsConfig(model=result.run_id), a_context(deployment))
    taught = tiny.config(encoder, "encoder", snapshot=SNAPSHOT, train_reviews=100, evaluations=1, teacher=result.run_id)
    run_id = train_candidate(taught, a_context(deployment)).run_id
    with pytest.raises(ContractError, match="was taught itself"):
        SOFT_LABELS.run(SoftLabelsConfig(model=run_id), a_context(deployment))
