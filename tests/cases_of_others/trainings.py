"""What kills leave behind: a checkpoint that is not whole, the lock of a journal, a trial that nobody works on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tiny
from cases_of_others.ground import Ended, Ground
from cases_of_others.seen import Seen

_TRY = {"DAG_ID": "train_models", "DAG_RUN_ID": "manual__1", "TASK_ID": "train"}
_LONGEST = 300.0
# A lock that a killed search left is taken away, or told of, within a minute; the rest is the search itself.
_LOCKED_SECONDS = 180


def broken_checkpoints(ground: Ground, seen: Seen) -> None:
    room, snapshot = ground.room("34"), _snapshot(ground)
    encoder = tiny.write_encoder(room / "encoder")
    sizes = ("--train-reviews", 400, "--evaluations", 4, "--evaluation-reviews", 50, "--test-reviews", 50)
    slow = ("--max-length", 128, "--batch-size", 4, "--epochs", 8)
    words = ("train", "--family", "encoder", "--encoder", encoder, "--snapshot", snapshot, *sizes, *slow, "--json")
    whole = ground.run(*words, home=ground.champion, **_try("undisturbed", 1))
    steps = _steps(ground, whole)
    seen.holds("undisturbed: trained", whole.code == 0 and steps, whole.said)
    for how in "abc":
        spoiled = _killed_after_two_checkpoints(ground, words, how)
        script = ground.case("34") / "spoil.sh"
        subprocess.run(["sh", str(script), str(spoiled), how], check=True, capture_output=True)
        again = ground.run(*words, home=ground.champion, **_try(how, 2))
        named = again.refused(str(spoiled))
        seen.holds(f"{how}) goes on, or names the folder", again.code == 0 or named, again.said)
        if again.code == 0:
            seen.equals(f"{how}) steps at the end", _steps(ground, again), steps)


def _try(run: str, number: int) -> dict[str, object]:
    """Return what Airflow exports to a try of a task."""
    task = {**_TRY, "DAG_RUN_ID": f"manual__{run}", "TRY_NUMBER": number}
    return {f"AIRFLOW_CTX_{name}": value for name, value in task.items()}


def _killed_after_two_checkpoints(ground: Ground, words: tuple[object, ...], how: str) -> Path:
    """Train until the second checkpoint is there, kill the training, and return the folder of its checkpoints."""
    trainings = ground.champion / "training"
    command = [sys.executable, "-m", "sentiment", *map(str, words)]
    before = set(trainings.glob("*"))
    training = subprocess.Popen(
        command,
        env=ground.environment(home=ground.champion, **_try(how, 1)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def two() -> list[Path]:
        new = set(trainings.glob("*")) - before
        return [folder for folder in new if len(list(folder.glob("checkpoint-*/trainer_state.json"))) > 1]

    try:
        (folder, *_) = _wait_for(two, training)
    finally:
        os.killpg(training.pid, signal.SIGKILL)
        training.wait()
    return folder


def _wait_for(found: Callable[[], Any], process: subprocess.Popen[bytes]) -> Any:
    deadline = time.monotonic() + _LONGEST
    while not (seen := found()):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the training ended, or took too long, before it could be killed")
        time.sleep(0.05)
    return seen


def _steps(ground: Ground, done: Ended) -> int:
    """Return the last step that a run's metrics are of."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{ground.champion}/mlflow/mlflow.db")
    run = done.result.get("run_id", "")
    return max((one.step for one in client.get_metric_history(run, "loss")), default=0) if run else 0


def search_left_locked(ground: Ground, seen: Seen) -> None:
    room, snapshot = ground.room("35"), _snapshot(ground)
    environment = {**os.environ, "CASES": str(ground.cases)}
    subprocess.run(
        ["sh", str(ground.case("35") / "lock.sh"), str(room)], env=environment, check=True, capture_output=True
    )
    journal = room / "tuning" / "studies.journal"
    journal.chmod(0o644)
    words = ("tune", "--family", "linear", "--trials", 4, "--workers", 2, "--snapshot", snapshot)
    done = _search(ground, words, journal, lambda _: None)
    named = done.refused(f"{journal}.lock")
    seen.holds("a lock that was left: goes on, or names the file", done.code == 0 or named, done.said)
    seen.holds("a lock that was left: within a minute", done.seconds < _LOCKED_SECONDS, f"{done.seconds:.0f} s")
    studies = room / "killed.journal"
    done = _search(ground, (*words, "--train-reviews", 5_000), studies, _kill_one_worker)
    states = _trials(studies)
    seen.holds("a worker killed in mid-trial: the search ends well", done.code == 0, done.said)
    seen.holds("none is left RUNNING", states and "RUNNING" not in states, states)
    seen.holds("4 finished or failed for a reason", sum(state != "RUNNING" for state in states) >= 4, states)
    seen.holds("the other worker's trial was not failed", states.count("FAIL") <= 1, states)
    running = _running_runs(ground)
    seen.equals("runs of MLflow that are left RUNNING", running, 0)


def _search(ground: Ground, words: tuple[object, ...], journal: Path, meanwhile: Callable[[Any], None]) -> Ended:
    began = time.monotonic()
    searching = subprocess.Popen(
        [sys.executable, "-m", "sentiment", *map(str, words), "--json"],
        env=ground.environment(home=ground.champion, studies=journal),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        meanwhile((searching, journal))
        out, err = searching.communicate(timeout=_LONGEST)
    except subprocess.TimeoutExpired:
        os.killpg(searching.pid, signal.SIGKILL)
        out, err = searching.communicate()
    return Ended(searching.returncode, out, err, time.monotonic() - began)


def _kill_one_worker(at_work: tuple[subprocess.Popen[str], Path]) -> None:
    """Kill one of the search's workers, in the middle of its first trial."""
    import psutil

    searching, journal = at_work

    def trial() -> list[psutil.Process]:
        if not (journal.exists() and "RUNNING" in _trials(journal)):
            return []
        children = psutil.Process(searching.pid).children(recursive=True)
        return [child for child in children if "search" in child.cmdline()]

    _wait_for(trial, searching)[0].kill()  # type: ignore[arg-type]


def _trials(journal: Path) -> list[str]:
    """Return the states of a study's trials, as Optuna reads them."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(str(journal)))
    studies = storage.get_all_studies()
    return [trial.state.name for study in studies for trial in storage.get_all_trials(study._study_id)]


def _running_runs(ground: Ground) -> int:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{ground.champion}/mlflow/mlflow.db")
    experiments = [one.experiment_id for one in client.search_experiments()]
    found = client.search_runs(experiments, "attributes.status = 'RUNNING'")
    return sum("mlflow.parentRunId" in run.data.tags for run in found)


def _snapshot(ground: Ground) -> str:
    done = ground.run("snapshot", "--json", home=ground.champion)
    return str(done.result["snapshot"])
