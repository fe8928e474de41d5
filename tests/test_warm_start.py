"""Trainings that begin where another one ended: with which weights, of which runs, judged by which reviews."""

import json
import shutil
from pathlib import Path

import mlflow
import pyarrow as pa
import pytest
from pyarrow import parquet
from pydantic import ValidationError

import tiny
from conftest import use_home
from contexts import a_context
from sentiment import cli
from sentiment.core.errors import ContractError
from sentiment.datasets.snapshot import read_keys, snapshot_folder
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.entries import ModelVersion
from sentiment.stores.registry.versions import Registry
from sentiment.training.config.teaching import SoftLabelsConfig
from sentiment.training.config.train import TrainConfig, TrainRequest
from sentiment.training.fitted import Fitted, predict_logits
from sentiment.training.models.encoders import build_encoder
from sentiment.training.models.start import starting_model
from sentiment.training.settings import effective_settings
from sentiment.training.soft_labels import teacher_of
from sentiment.training.verbs import TRAIN
from sentiment.training.warm_start import begun_from, require_unseen, said_of_start
from taught import OTHER, SNAPSHOT, deployed, table, write_snapshot

SEEN, GONE, KNOWN = "5ee05ee05ee0", "90e090e090e0", "c0ffeec0ffee"
# So slow that the weights stay what they were.
STANDING = {"learning_rate": 1e-9, "weight_decay": 0.0}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return tiny.write_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("home"), OTHER) as settings:
        write_snapshot(settings, SEEN, 1)  # trains on what the first one validates by
        yield settings


def trained(deployment, encoder, **options) -> str:
    """Train on few reviews, and return the run."""
    asked = tiny.config(encoder, **{"snapshot": SNAPSHOT, "train_reviews": 160, **options})
    return TRAIN.run(TrainRequest(**asked.model_dump(exclude_unset=True)), a_context(deployment)).run_id


def kept(deployment, run_id, folder) -> Fitted:
    """Return the model that a run keeps."""
    return Fitted.load(Registry(deployment).download(run_id, "model", folder))


@pytest.fixture(scope="module")
def first(deployment, encoder):
    return trained(deployment, encoder, head="mlp", pooling="first")


def refused(deployment, monkeypatch, capsys, *options) -> str:
    """Return what the command line says of such a training."""
    use_home(deployment.home, monkeypatch)
    assert cli.main(["train", "--snapshot", SNAPSHOT, *options]) != 0
    return capsys.readouterr().err


@pytest.mark.parametrize("changes", [{}, {"family": "lora"}, {"star_weight": 0.3}])
def test_it_begins_with_weights_head_and_architecture_of_the_run(changes, deployment, encoder, first, tmp_path):
    again = trained(deployment, encoder, warm_start=first, **STANDING, **changes)
    ended, began = kept(deployment, again, tmp_path / "again"), kept(deployment, first, tmp_path / "first")
    asked = tiny.reviews(40, seed=3)
    assert predict_logits(ended, asked) == pytest.approx(predict_logits(began, asked), abs=1e-4)
    run = mlflow.get_run(again)
    assert (run.data.params["head"], run.data.params["pooling"]) == ("mlp", "first")
    assert run.data.params["warm_start"] == first
    assert "-warm" in run.info.run_name


def test_a_share_of_the_weights_that_it_began_with_is_mixed_in(deployment, encoder, first, tmp_path):
    again = trained(deployment, encoder, warm_start=first, learning_rate=1e-2, pretrained_share=0.999999)
    ended, began = kept(deployment, again, tmp_path / "again"), kept(deployment, first, tmp_path / "first")
    theirs = dict(began.model.backbone.named_parameters())
    for name, weight in ended.model.backbone.named_parameters():
        assert weight.detach().numpy() == pytest.approx(theirs[name].detach().numpy(), abs=1e-4), name


def test_the_result_says_what_it_began_with(deployment, encoder, first):
    asked = tiny.config(encoder, snapshot=SNAPSHOT, train_reviews=100, warm_start=first)
    note = TRAIN.run(TrainRequest(**asked.model_dump(exclude_unset=True)), a_context(deployment)).note
    assert f"it starts from run {first} (" in note
    assert f"s on snapshot {SNAPSHOT}" in note


def test_the_result_says_what_judges_it_and_was_known_to_the_start(deployment, encoder):
    file = Path(write_snapshot(deployment, KNOWN, 40)) / "train.parquet"
    theirs = parquet.read_table(file)
    tested = parquet.read_table(Path(snapshot_folder(Lake(deployment.lake_root), SNAPSHOT)) / "test.parquet")
    for name in ("text", "parent_asin"):
        rows = pa.concat_tables([tested.select([name])[:6], theirs.select([name])[6:]])
        theirs = theirs.set_column(theirs.schema.get_field_index(name), name, rows[name])
    parquet.write_table(theirs, file)
    started = trained(deployment, encoder, snapshot=KNOWN)
    said = said_of_start(TrainConfig(snapshot=SNAPSHOT, warm_start=started), a_context(deployment))
    assert said.endswith(
        "whose model had read 6 texts by which this training is judged and reviews of 2 products that it holds out"
    )


def test_the_champion_is_named_by_its_run(deployment, first, monkeypatch):
    monkeypatch.setattr(Registry, "champion", lambda self: 4)
    monkeypatch.setattr(Registry, "version", lambda self, number: ModelVersion(number, first, {}))
    found = begun_from(TrainConfig(snapshot=SNAPSHOT, warm_start="champion"), a_context(deployment))
    assert (found.warm_start, found.head) == (first, "mlp")
    monkeypatch.setattr(Registry, "version", lambda self, number: ModelVersion(number, "", {}))  # made by hand
    with pytest.raises(ContractError, match="no champion to start from, or it names no run"):
        begun_from(TrainConfig(snapshot=SNAPSHOT, warm_start="champion"), a_context(deployment))


def test_a_model_that_has_read_what_judges_the_training_is_refused(
    deployment, encoder, first, monkeypatch, capsys, tmp_path
):
    seen = trained(deployment, encoder, snapshot=SEEN)
    assert f"run {seen} has learnt from 120 reviews by which snapshot {SNAPSHOT}" in refused(
        deployment, monkeypatch, capsys, "--warm-start", seen
    )
    mixed = trained(deployment, encoder, snapshot=OTHER, mixed_snapshots=(SEEN,))
    onwards = trained(deployment, encoder, snapshot=OTHER, warm_start=mixed)
    assert f"run {mixed} has learnt from 120 reviews" in refused(
        deployment, monkeypatch, capsys, "--warm-start", onwards
    )
    assert trained(deployment, encoder, snapshot=OTHER, warm_start=first)  # of other reviews


def test_a_model_of_which_nobody_can_tell_what_it_has_read_is_refused(deployment, encoder, monkeypatch, capsys):
    folder = write_snapshot(deployment, GONE, 30)
    lost = trained(deployment, encoder, snapshot=GONE)
    for file in Path(folder).iterdir():
        file.unlink()
    assert f"learnt from snapshot {GONE}, which is not there" in refused(
        deployment, monkeypatch, capsys, "--warm-start", lost
    )


def test_a_model_whose_teacher_has_read_what_judges_the_training_is_refused(
    deployment, encoder, monkeypatch, capsys, tmp_path
):
    lake = Lake(deployment.lake_root)
    keys = {name: read_keys(snapshot_folder(lake, name), "train") for name in (OTHER, SEEN)}
    said = table(tmp_path / "said.parquet", [*sorted(keys[OTHER]), *sorted(keys[SEEN])])
    student = trained(deployment, encoder, snapshot=OTHER, teacher=said)
    asked = ("--warm-start", student)
    assert f"run {student} has learnt from 120 reviews" in refused(deployment, monkeypatch, capsys, *asked)
    Path(said).unlink()
    gone = f"run {student} learnt from the soft labels {said}, which is not there"
    assert gone in refused(deployment, monkeypatch, capsys, *asked)


def test_a_model_one_of_whose_forerunners_is_gone_is_refused(deployment, encoder, monkeypatch, capsys):
    before = trained(deployment, encoder, snapshot=OTHER)
    after = trained(deployment, encoder, snapshot=OTHER, warm_start=before)
    mlflow.delete_run(before)
    said = refused(deployment, monkeypatch, capsys, "--warm-start", after)
    assert f"all that run {after} has learnt from cannot be told" in said
    assert f"run {before} was deleted in MLflow" in said


def test_a_run_that_names_itself_is_looked_up_once(deployment, encoder):
    own = Registry(deployment).begin("by hand", {"snapshot": OTHER}, {}, a_context(deployment)).run_id
    mlflow.MlflowClient().log_param(own, "warm_start", own)
    asked = TrainConfig(snapshot=SEEN, warm_start=own)
    assert require_unseen(asked, a_context(deployment)) is None


def test_a_run_that_has_not_come_to_its_end_is_refused_at_once(deployment, encoder, monkeypatch, capsys):
    settings = effective_settings(tiny.config(encoder, snapshot=SNAPSHOT), 2_000)
    begun = Registry(deployment).begin("begun", settings, {}, a_context(deployment)).run_id
    said = refused(deployment, monkeypatch, capsys, "--warm-start", begun)
    assert f"run {begun} keeps no model: it has not come to its end" in said


def test_the_encoder_need_not_be_where_it_was(deployment, encoder, tmp_path):
    moved = shutil.copytree(encoder, tmp_path / "moved")
    before = trained(deployment, moved)
    shutil.rmtree(moved)
    again = trained(deployment, moved, warm_start=before)
    assert mlflow.get_run(again).data.params["encoder"] == str(moved)


def test_adapters_name_the_run_on_whose_weights_they_stand(deployment, encoder, first, tmp_path):
    again = trained(deployment, encoder, family="lora", warm_start=first)
    folder = Registry(deployment).download(again, "adapter", tmp_path)
    named = json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]
    assert named == f"runs:/{first}/model"


def test_a_training_from_the_pretrained_encoder_looks_nothing_up(deployment):
    assert require_unseen(TrainConfig(snapshot="not there"), a_context(deployment)) is None


def test_what_is_no_run_of_an_encoder_is_refused(deployment, encoder, first, monkeypatch, capsys):
    assert "is no id of a run" in refused(deployment, monkeypatch, capsys, "--warm-start", "7")
    assert "MLflow has no run" in refused(deployment, monkeypatch, capsys, "--warm-start", "0" * 32)
    assert "there is no champion to start from" in refused(deployment, monkeypatch, capsys, "--warm-start", "champion")
    linear = trained(deployment, encoder, family="linear")
    assert "trained the family linear" in refused(deployment, monkeypatch, capsys, "--warm-start", linear)
    said = refused(deployment, monkeypatch, capsys, "--warm-start", first, "--encoder", "all-mpnet-base-v2")
    assert f"run {first} has the encoder {encoder}; leave encoder out" in said
    # The default, but asked for.
    said = refused(deployment, monkeypatch, capsys, "--warm-start", first, "--head", "linear")
    assert f"run {first} has the head mlp; leave head out" in said


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"family": "gru"}, "gru begins with weights of its own"),
        ({"family": "linear"}, "linear begins with weights of its own"),
        ({"folds": 3}, "has seen every fold"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(given, sentence):
    with pytest.raises(ValidationError, match=sentence):
        TrainConfig(snapshot=SNAPSHOT, warm_start="champion", **given)


def test_it_is_no_teacher_of_folds(deployment, encoder, first):
    again = trained(deployment, encoder, warm_start=first, **STANDING)
    with pytest.raises(ContractError, match="has learnt from the reviews of every fold"):
        teacher_of(Registry(deployment).trained(again), SoftLabelsConfig(model=again))


def test_without_a_start_there_is_no_setting_of_it():
    assert "warm_start" not in effective_settings(TrainConfig(), 2_000)


def test_a_folder_that_a_training_made_is_no_pretrained_encoder(deployment, first, tmp_path):
    folder = Registry(deployment).download(first, "model", tmp_path)
    with pytest.raises(ContractError, match="give its run as warm_start"):
        build_encoder(str(folder))


@pytest.mark.parametrize("name", ["model.safetensors", "classifier.json", "config.json"])
@pytest.mark.parametrize("breaks_off", [True, False])
def test_a_model_that_is_not_whole_is_said(name, breaks_off, deployment, first, tmp_path):
    folder = Registry(deployment).download(first, "model", tmp_path)
    content = (folder / name).read_bytes()
    (folder / name).unlink()
    if breaks_off:
        (folder / name).write_bytes(content[:10])
    with pytest.raises(ContractError, match="the model to start from is not whole"):
        starting_model(TrainConfig(snapshot=SNAPSHOT, warm_start=str(folder)))


@pytest.mark.thorough
def test_it_begins_so_in_several_processes(deployment, encoder, first, tmp_path):
    again = trained(deployment, encoder, warm_start=first, processes=2, **STANDING)
    ended, began = kept(deployment, again, tmp_path / "again"), kept(deployment, first, tmp_path / "first")
    asked = tiny.reviews(40, seed=3)
    assert predict_logits(ended, asked) == pytest.approx(predict_logits(began, asked), abs=1e-4)
