"""A training that was interrupted goes on when it is asked for again; what is left of others is listed and removed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

import tiny
from conftest import FOLDERS, asking_mlflow, without_server
from contexts import a_context
from sentiment.core.errors import ConcurrentWriteError, ContractError, UnavailableError, UnderWayError
from sentiment.core.settings import Settings
from sentiment.evaluation.predictions import OF_RUN
from sentiment.stores.registry.versions import Registry
from sentiment.training import unfinished
from sentiment.training.candidate import train_candidate
from sentiment.training.config.train import TrainConfig, TrainingsConfig, TrainRequest
from sentiment.training.models.encoders import named_in_full
from sentiment.training.seeds import train_over_seeds
from sentiment.training.unfinished import FIGURES, at_work, folder_of, interrupted, listed
from sentiment.training.verbs import TRAIN
from sentiment.tuning.config import TuneConfig
from sentiment.tuning.verbs import OPEN_STUDY, TUNE
from test_candidate import SNAPSHOT, write_snapshot

# Another process that trains to 60 per cent and is killed there.
KILLED = """
import os, signal, sys
from test_unfinished import config, shell
from sentiment.core.settings import Settings
from sentiment.training.candidate import train_candidate
def kill(step, done=0, total=0):
    if done >= 60:
        os.kill(os.getpid(), signal.SIGKILL)
train_candidate(config(), shell(Settings(), "killed", kill))
"""


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, lake="", mlflow_uri=without_server(home), artifacts="", experiment="interrupted")
    write_snapshot(settings)
    with asking_mlflow(settings.tracking_uri):
        yield settings


def config(**changes) -> TrainConfig:
    """A training of 50 steps with a checkpoint each tenth; what it draws (dropout, order) shows in what comes out."""
    return tiny.config("none", "gru", **{"snapshot": SNAPSHOT, "evaluations": 5, **changes})


def shell(settings, name="shell", progress=lambda *_: None):
    """The context of a process of a shell's."""
    return a_context(settings, run_id=name, progress=progress)


def interrupt(step, done=0, total=0):
    """Press Ctrl-C at 60 per cent of a training."""
    if done >= 60:
        raise KeyboardInterrupt


@pytest.fixture(scope="module")
def whole(deployment):
    """The run of the training that nobody interrupted."""
    return train_candidate(config(), shell(deployment, "whole")).run_id


def steps(run_id) -> list[int]:
    return [one.step for one in mlflow.MlflowClient().get_metric_history(run_id, "loss")]


def predictions(run_id, folder) -> bytes:
    return Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=OF_RUN, dst_path=folder)).read_bytes()


@pytest.mark.parametrize("asked_again", ["by its settings", "by its run"])
def test_an_interrupted_training_goes_on_when_it_is_asked_for_again(asked_again, deployment, whole, tmp_path):
    with pytest.raises(KeyboardInterrupt) as end:
        train_candidate(config(), shell(deployment, "first", interrupt))
    run_id = interrupted(config(), deployment)
    named = f"--snapshot {config().snapshot}"
    assert str(end.value) == (
        f"the same command with {named}, or `sentiment train --resume {run_id}`, goes on after step 20"
    )
    request = TrainRequest(resume=run_id) if asked_again == "by its run" else TrainRequest(**config().model_dump())
    result = TRAIN.run(request, shell(deployment, "second"))
    assert result.run_id == run_id != whole
    assert steps(run_id)[-30:] == list(range(21, 51))
    assert predictions(run_id, tmp_path / "again") == predictions(whole, tmp_path / "whole")
    assert not folder_of(deployment, run_id).exists()
    assert mlflow.get_run(run_id).info.status == "FINISHED"


@pytest.mark.parametrize(
    ("verb", "config_of", "done_by"),
    [
        (TRAIN, TrainRequest, "sentiment.training.candidate.train_candidate"),
        (TUNE, TuneConfig, "sentiment.tuning.processes.tune"),
        (OPEN_STUDY, TuneConfig, "sentiment.tuning.study.open_study"),
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    "given", [{"family": "linear", "encoder": "mine"}, {"family": "gru", "embeddings": "mine.vec"}]
)
def test_what_is_named_from_one_folder_is_asked_for_so_that_it_is_found_from_another(
    verb, config_of, done_by, given, deployment, monkeypatch, tmp_path
):
    asked = []
    monkeypatch.setattr(done_by, lambda config, *_: asked.append(config))
    for place in ("here", "there"):
        (tmp_path / place / "mine").mkdir(parents=True)
        (tmp_path / place / "mine.vec").touch()
        monkeypatch.chdir(tmp_path / place)
        verb.run(config_of(snapshot=SNAPSHOT, **given), shell(deployment))
    (name,) = given.keys() - {"family"}
    assert [str(getattr(config, name)) for config in asked] == [
        str(tmp_path / place / given[name]) for place in ("here", "there")
    ]


def test_a_name_that_is_no_folder_stays_a_name():
    assert named_in_full(TrainConfig()) == TrainConfig()


@pytest.mark.slow
def test_a_killed_training_goes_on_as_an_interrupted_one_does(deployment, whole, tmp_path):
    path = os.pathsep.join([FOLDERS, str(Path(__file__).parent)])
    environment = {**os.environ, **deployment.as_environment(), "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", KILLED], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    (left,) = listed(TrainingsConfig(), shell(deployment)).trainings
    assert (left.state, left.step, left.family, left.megabytes > 0, left.hours < 1) == (
        "interrupted",
        20,
        "gru",
        True,
        True,
    )
    result = train_candidate(config(), shell(deployment))
    assert result.run_id == left.run_id
    assert predictions(result.run_id, tmp_path / "again") == predictions(whole, tmp_path / "whole")


def test_checkpoints_stay_until_mlflow_has_heard_that_the_training_is_done(deployment, monkeypatch):
    def away(handle, status="FINISHED"):
        raise UnavailableError("MLflow is away")

    with monkeypatch.context() as patch:
        patch.setattr("sentiment.stores.registry.handle.RunHandle.end", away)
        with pytest.raises(UnavailableError):
            train_candidate(config(seed=8), shell(deployment, "first"))
    run_id = interrupted(config(seed=8), deployment)
    assert steps(run_id) == list(range(1, 51))
    assert train_candidate(config(seed=8), shell(deployment)).run_id == run_id
    assert steps(run_id) == list(range(1, 51))
    assert not folder_of(deployment, run_id).exists()


def test_a_seed_that_came_to_its_end_is_kept_when_mlflow_is_away_then(deployment, monkeypatch):
    both = config(seed=50, seeds=2, epochs=0.2)

    class Away(Registry):
        def trained(self, run_id):
            raise UnavailableError("MLflow is away")

    with monkeypatch.context() as patch:
        patch.setattr("sentiment.training.seeds.Registry", Away)
        with pytest.raises(UnavailableError):
            train_over_seeds(both, shell(deployment))
    told = []
    found = train_over_seeds(both, shell(deployment, progress=lambda step, *_: told.append(step)))
    assert ([run.seed for run in found.runs], told) == ([50, 51], [])


def test_a_training_that_ended_is_begun_anew_and_others_are_not_gone_on_with(deployment, whole):
    assert interrupted(config(), deployment) == ""
    with pytest.raises(KeyboardInterrupt):
        train_candidate(config(seed=5), shell(deployment, "first", interrupt))
    assert interrupted(config(seed=6), deployment) == ""
    (left,) = listed(TrainingsConfig(), shell(deployment)).trainings
    done = listed(TrainingsConfig(remove=(left.run_id,)), shell(deployment))
    assert (done.removed, done.trainings) == ([left.run_id], [])
    assert done.freed_megabytes == pytest.approx(left.megabytes, abs=0.1)
    assert done.sentences() == [f"Removed {done.freed_megabytes:,.1f} MB, kept by {left.run_id}."]
    assert interrupted(config(seed=5), deployment) == ""


def test_the_seconds_of_a_training_are_those_of_all_its_attempts(deployment, monkeypatch):
    now = iter(range(0, 100_000, 100))
    monkeypatch.setattr("sentiment.training.unfinished.time.monotonic", lambda: float(next(now)))
    with pytest.raises(KeyboardInterrupt):
        train_candidate(config(seed=7), shell(deployment, "first", interrupt))
    first = next(now)
    result = train_candidate(config(seed=7), shell(deployment))
    assert result.seconds == pytest.approx(next(now), abs=400)
    assert result.seconds > first > 1000


def test_two_equal_trainings_at_once_share_neither_run_nor_folder(deployment):
    folder = folder_of(deployment, "theirs")
    with at_work(folder, config(), shell(deployment)):
        with pytest.raises(ConcurrentWriteError, match=r"under way already, as run theirs; wait for it, or change"):
            train_candidate(config(), shell(deployment))
        with pytest.raises(ConcurrentWriteError, match="under way already"):
            TRAIN.run(TrainRequest(resume="theirs"), shell(deployment))
        with pytest.raises(ConcurrentWriteError), at_work(folder, config(), shell(deployment)):
            pass
    assert not folder.exists()


def test_of_two_equal_trainings_that_begin_at_once_the_second_is_refused_before_there_is_a_run(deployment):
    def begin_another(step, done=0, total=0):
        if step.startswith("training"):
            with pytest.raises(UnderWayError, match="the same training is under way already; wait for it, or change"):
                train_candidate(config(seed=9), shell(deployment, "second"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_candidate(config(seed=9), shell(deployment, "first", begin_another))


@pytest.mark.parametrize(("before", "after"), [("RUNNING", "FAILED"), ("FINISHED", "FINISHED")])
def test_the_run_of_a_killed_training_ends_when_what_it_left_is_removed(deployment, before, after):
    run = Registry(deployment).begin("killed", {}, {}, shell(deployment))
    if before == "FINISHED":
        run.end()
    (folder_of(deployment, run.run_id) / "checkpoint-3").mkdir(parents=True)
    assert listed(TrainingsConfig(remove=(run.run_id,)), shell(deployment)).removed == [run.run_id]
    assert mlflow.get_run(run.run_id).info.status == after


def test_what_a_training_left_is_removed_while_mlflow_is_away(deployment, monkeypatch, caplog):
    def away(*_):
        raise UnavailableError("MLflow is away")

    monkeypatch.setattr("sentiment.stores.registry.runs.require_answer", away)
    (folder_of(deployment, "8" * 32) / "checkpoint-3").mkdir(parents=True)
    assert listed(TrainingsConfig(remove=("8" * 32,)), shell(deployment)).removed == ["8" * 32]
    assert "may still be RUNNING in MLflow: MLflow is away" in caplog.text


def test_what_goes_while_it_is_looked_at_is_passed_over_and_what_is_named_twice_is_removed_once(deployment):
    folder = folder_of(deployment, "left")
    (folder / "checkpoint-3").mkdir(parents=True)
    (folder / "checkpoint-3" / "model.safetensors").write_bytes(b"x" * 2_000_000)
    (folder / "checkpoint-2").symlink_to(folder / "gone")  # as an old checkpoint that is removed meanwhile
    (folder / "gone.json").symlink_to(folder / "nothing")
    (left,) = listed(TrainingsConfig(), shell(deployment)).trainings
    assert (left.run_id, left.step, left.megabytes) == ("left", 3, 2.0)
    assert listed(TrainingsConfig(remove=("left", "left")), shell(deployment)).removed == ["left"]


def test_what_is_still_training_is_listed_and_never_removed(deployment):
    folder, other = folder_of(deployment, "theirs"), folder_of(deployment, "left")
    (other / "checkpoint-3").mkdir(parents=True)
    with at_work(folder, config(), shell(deployment)):
        (folder / "checkpoint-7").mkdir()
        shown = {one.run_id: (one.state, one.step) for one in listed(TrainingsConfig(), shell(deployment)).trainings}
        assert shown == {"theirs": ("training", 7), "left": ("interrupted", 3)}
        with pytest.raises(
            ContractError, match="run theirs is still training: interrupt it first; nothing was removed"
        ):
            listed(TrainingsConfig(remove=("left", "theirs")), shell(deployment))
        with pytest.raises(ContractError, match="run 'nobody' left nothing"):
            listed(TrainingsConfig(remove=("nobody",)), shell(deployment))
        assert other.is_dir()
        assert listed(TrainingsConfig(remove=("all",)), shell(deployment)).removed == ["left"]
        assert (folder / "checkpoint-7").is_dir()


def test_a_training_that_goes_on_between_the_look_and_the_removal_keeps_its_folder(deployment, monkeypatch):
    folder = folder_of(deployment, "again")
    (folder / "checkpoint-3").mkdir(parents=True)
    (seen,) = [one for one in unfinished.unfinished(deployment) if one.run_id == "again"]
    monkeypatch.setattr(unfinished, "unfinished", lambda _: [seen])
    with (
        at_work(folder, config(), shell(deployment)),
        pytest.raises(ContractError, match="run again is training again: interrupt it first; it was not removed"),
    ):
        listed(TrainingsConfig(remove=("all",)), shell(deployment))


def test_a_training_that_fails_before_its_first_checkpoint_leaves_nothing(deployment):
    before = unfinished.unfinished(deployment)
    with pytest.raises(ContractError, match="cannot be loaded"):
        train_candidate(tiny.config(deployment.home / "nowhere", snapshot=SNAPSHOT), shell(deployment))
    assert unfinished.unfinished(deployment) == before


@pytest.mark.parametrize("more", [{"seed": 4}, {"family": "gru", "epochs": 2.0}])
def test_a_run_is_gone_on_with_as_it_was_asked_for(more):
    with pytest.raises(ValueError, match=f"resume takes all settings of its run; leave out {', '.join(sorted(more))}"):
        TrainRequest(resume="abc", **more)


def test_a_run_that_left_nothing_is_told_where_those_are_that_did(deployment):
    with pytest.raises(ContractError, match="'abc' left nothing to go on from; `sentiment trainings` lists"):
        TRAIN.run(TrainRequest(resume="abc"), shell(deployment))


def test_an_interruption_of_the_first_of_several_seeds_says_one_thing_and_the_same_command_goes_on(deployment):
    several = config(seed=40, seeds=2)
    with pytest.raises(KeyboardInterrupt) as interruption:
        train_over_seeds(several, shell(deployment, progress=interrupt))
    assert str(interruption.value).startswith(f"the same command with --snapshot {several.snapshot} goes on after")
    assert str(interruption.value).endswith("seeds that are done: none")
    (left,) = listed(TrainingsConfig(), shell(deployment)).trainings
    assert left.run_id in [run.run_id for run in train_over_seeds(several, shell(deployment)).runs]


def interrupted_at_the_second(both, deployment):
    """Train two seeds, and press Ctrl-C when the second one begins."""
    begun = []

    def interrupt_the_second(step, done=0, total=0):
        begun.extend([step] if step.startswith("training ") and step not in begun else [])
        if len(begun) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="if there was one; seeds that are done: 30"):
        train_over_seeds(both, shell(deployment, progress=interrupt_the_second))


@pytest.mark.parametrize("trouble", ["its figures cannot be read", "its run is gone"])
def test_a_seed_of_which_not_enough_is_left_is_trained_anew(deployment, trouble):
    both = config(seed=30, seeds=2, epochs=0.2)
    interrupted_at_the_second(both, deployment)
    (figures,) = (deployment.home / "training").glob(f"*/30/{FIGURES}")
    before = json.loads(figures.read_text())["run_id"]
    if trouble == "its run is gone":
        mlflow.MlflowClient().delete_run(before)
    else:
        figures.write_text('{"result": null}')
    runs = train_over_seeds(both, shell(deployment)).runs
    assert [run.seed for run in runs] == [30, 31]
    assert before not in [run.run_id for run in runs]


def test_a_seed_that_came_to_its_end_is_not_trained_again_when_a_later_one_was_interrupted(deployment):
    both = config(seed=30, seeds=2)
    interrupted_at_the_second(both, deployment)
    (left,) = listed(TrainingsConfig(), shell(deployment)).trainings
    told = []
    found = TRAIN.run(TrainRequest(resume=left.run_id), shell(deployment, progress=lambda step, *_: told.append(step)))
    assert [run.seed for run in found.runs] == [30, 31]
    assert len({step for step in told if step.startswith("training ")}) == 1
    assert listed(TrainingsConfig(), shell(deployment)).trainings == []
