"""Training in several processes: the same model as in one, records as they come, and an end that leaves nothing."""

import dataclasses
import shutil
import subprocess
import sys
from contextlib import nullcontext, suppress

import numpy as np
import psutil
import pytest

import tiny
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.training import distributed
from sentiment.training.batches import SimilarLengths
from sentiment.training.distributed import WorkerLostError, _after, _follow
from sentiment.training.fit import fit
from sentiment.training.fitted import predict_logits
from sentiment.training.hardware import device_here
from sentiment.training.job import Failure, Job
from sentiment.training.settings import StepPlan

TRAIN, VALIDATION = tiny.reviews(320), tiny.reviews(80, seed=1)


# A worker that is killed after its first checkpoint.
KILLED = """
import os, signal, sys
from sentiment.training import worker
from sentiment.training.job import Job
log = Job.log
def logged(job, record):
    log(job, record)
    if record["step"] > 20:
        os.kill(os.getpid(), signal.SIGKILL)
Job.log = logged
sys.exit(worker.main())
"""


def recurrent(**changes):
    """A recurrent training without dropout, so that one process and several draw no different numbers."""
    small = {"vocabulary": 400, "embedding_size": 16, "hidden_size": 16, "dropout": 0.0, "learning_rate": 1e-2}
    return tiny.config("none", "gru", **{"epochs": 1.0, "evaluations": 2, **small, **changes})


def workers() -> list[psutil.Process]:
    """The processes of trainings that this one has started."""
    return [one for one in psutil.Process().children(recursive=True) if any("worker.py" in w for w in _words(one))]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The model that one process makes with batches of 16."""
    return fit(recurrent(batch_size=16), TRAIN, VALIDATION, tmp_path_factory.mktemp("alone"), Settings())


@pytest.mark.parametrize(("has_gpu", "device"), [(True, "cuda"), (False, "cpu")])
def test_a_network_computes_on_the_gpu_where_there_is_one(has_gpu, device, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: has_gpu)
    assert device_here() == device


def test_what_processes_trained_computes_where_the_process_does_that_measures_it(alone, monkeypatch, tmp_path):
    monkeypatch.setattr(distributed, "_launcher", lambda *_: nullcontext(lambda job, _: alone.save(job.fitted)))
    monkeypatch.setattr(distributed, "device_here", lambda: "meta")  # which every machine has
    shared = fit(recurrent(processes=2), TRAIN, VALIDATION, tmp_path, Settings())
    assert {parameter.device.type for parameter in shared.model.parameters()} == {"meta"}


@pytest.mark.slow
@pytest.mark.parametrize("stages", [1, 2], ids=["whole", "in stages"])
def test_two_halves_of_a_batch_in_processes_of_their_own_make_the_model_of_the_whole(
    stages, alone, home, capsys, tmp_path
):
    records, config = [], recurrent(batch_size=8, processes=2, stages=stages)
    shared = fit(config, TRAIN, VALIDATION, tmp_path, Settings(), records.append)
    test = tiny.reviews(50, seed=9)
    assert predict_logits(shared, test) == pytest.approx(predict_logits(alone, test), abs=1e-3)
    assert (shared.parameters, shared.trainable) == (alone.parameters, alone.trainable)
    assert [one.host > 1e8 for one in shared.memory] == [True] * config.processes * stages
    validations = [record for record in records if "eval_macro_f1" in record]
    alone_too = [record for record in alone.history if "eval_macro_f1" in record]
    assert [one["step"] for one in validations] == [one["step"] for one in alone_too] == [10, 20]
    for here, there in zip(validations, alone_too, strict=True):
        assert here["eval_log_loss"] == pytest.approx(there["eval_log_loss"], abs=1e-3)
    assert {"loss", "learning_rate", "grad_norm", "epoch"} <= records[0].keys()
    assert records[-1]["train_runtime"] > 0
    assert {file.suffix for file in tmp_path.glob("checkpoint-*/*")} == {".json", ".safetensors"}
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_processes_of_one_machine_meet_where_the_network_does_not_reach(home, tmp_path):
    asked, speaking = [], set()

    def look(record):
        for one in workers():
            if "torch.distributed.run" in _words(one):
                asked.append(_words(one))
                continue
            with suppress(psutil.Error):  # one that has ended meanwhile
                ends = one.net_connections("inet")
                speaking.update(end.laddr.ip.removeprefix("::ffff:") for end in ends if end.raddr)

    fit(recurrent(batch_size=8, processes=2), TRAIN, VALIDATION, tmp_path, Settings(), look)
    # What torchrun unpickles comes from a file that nobody else can write.
    assert asked
    assert all("--rdzv-conf=store_type=file" in words for words in asked)
    assert speaking == {"127.0.0.1"}


@pytest.mark.slow
def test_a_killed_worker_ends_the_training_and_the_next_try_goes_on_from_the_checkpoint(home, tmp_path, monkeypatch):
    config = tiny.config(tiny.write_encoder(tmp_path / "encoder"), processes=2, batch_size=8, epochs=4.0, evaluations=4)
    records = []
    (tmp_path / "killed_worker.py").write_text(KILLED, encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(distributed, "_WORKER", tmp_path / "killed_worker.py")
        with pytest.raises(WorkerLostError, match="goes on from the last checkpoint"):
            fit(config, TRAIN, VALIDATION, tmp_path / "work", Settings())
    assert workers() == []
    again = fit(config, TRAIN, VALIDATION, tmp_path / "work", Settings(), records.append)
    assert records[0]["step"] > 20
    test = tiny.reviews(100, seed=9)
    assert (predict_logits(again, test).argmax(1) == test.labels).mean() > 0.9


@pytest.mark.slow
def test_a_second_epoch_that_was_broken_off_goes_on_with_the_reviews_that_it_lacks(home, tmp_path):
    more = {"epochs": 2.0, "evaluate_every": 26}  # of 40 steps, 20 an epoch
    whole = fit(recurrent(batch_size=16, **more), TRAIN, VALIDATION, tmp_path / "alone", Settings())
    config, records = recurrent(batch_size=8, processes=2, **more), []
    fit(config, TRAIN, VALIDATION, tmp_path / "work", Settings())
    shutil.rmtree(tmp_path / "work" / "checkpoint-40")
    again = fit(config, TRAIN, VALIDATION, tmp_path / "work", Settings(), records.append)
    losses = {one["step"]: one["loss"] for one in whole.history if "loss" in one}
    found = {one["step"]: one["loss"] for one in records if "loss" in one}
    assert sorted(found) == [*range(27, 41)]
    assert found == pytest.approx({step: losses[step] for step in found}, abs=1e-3)
    test = tiny.reviews(50, seed=9)
    assert predict_logits(again, test) == pytest.approx(predict_logits(whole, test), abs=1e-3)


@pytest.mark.slow
def test_a_loss_that_is_no_number_in_a_worker_is_told_as_it_is_in_one_process(home, tmp_path):
    config = recurrent(batch_size=8, processes=1, stages=2, learning_rate=1e38, clip_norm=0)
    with pytest.raises(ContractError, match=r"the loss became (nan|inf) at step \d+ with learning_rate=1e\+38"):
        fit(config, TRAIN, VALIDATION, tmp_path, Settings())


def test_a_caller_that_stops_listening_calls_the_training_off(tmp_path):
    def stop(record):
        raise KeyboardInterrupt

    job = Job(tmp_path)
    job.write(recurrent(), TRAIN, VALIDATION)
    job.log({"step": 1})
    with pytest.raises(KeyboardInterrupt):
        _follow(lambda: False, job, stop)
    assert job.stopped()


@pytest.mark.parametrize("end", ["called off", "left alone", "caller killed"])
def test_a_worker_ends_when_the_training_is_called_off_or_torchrun_or_its_caller_is_gone(end, tmp_path):
    job = Job(tmp_path)
    job.write(recurrent(), TRAIN, VALIDATION)
    worker = "import os, sys, time; from sentiment.training import worker, job; from pathlib import Path\n"
    worker += "worker.watch(job.Job(Path(sys.argv[1])), os.getppid(), int(sys.argv[2]))\n"
    worker += "print(os.getpid(), flush=True); time.sleep(600)"
    caller = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    torchrun = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"
    parent = subprocess.Popen(
        [sys.executable, "-c", torchrun, worker, str(tmp_path), str(caller.pid)], stdout=subprocess.PIPE
    )
    process = psutil.Process(int(parent.stdout.readline()))
    if end == "called off":
        job.stop()
    else:
        (parent if end == "left alone" else caller).kill()
    assert psutil.wait_procs([process], timeout=30)[0] == [process]
    for started in (parent, caller):
        started.kill()
        started.communicate()


def test_a_job_comes_back_from_its_folder_as_it_went(tmp_path):
    reviews = dataclasses.replace(
        tiny.reviews(3), ratings=np.array([1.0, np.nan, 5.0]), categories=["", "Cameras", "ünï"], years=np.arange(3)
    )
    job, config = Job(tmp_path), recurrent(processes=2)
    job.write(config, reviews, VALIDATION)
    again, train, validation = job.read()
    assert again == config
    assert (train.keys, train.titles, train.texts) == (reviews.keys, reviews.titles, reviews.texts)
    assert train.categories == reviews.categories
    for name in ("labels", "ratings", "years"):
        np.testing.assert_array_equal(getattr(train, name), getattr(reviews, name))
    assert validation.keys == VALIDATION.keys


def test_records_are_read_whole_and_once(tmp_path):
    job = Job(tmp_path)
    job.write(recurrent(), TRAIN, VALIDATION)
    assert list(job.logged(0)) == []
    job.log({"step": 1, "loss": 0.5})
    job.log({"step": 2, "loss": 0.4})
    with (job.folder / "log.jsonl").open("a") as stream:
        stream.write('{"step": 3, "lo')
    assert [record["step"] for record in job.logged(0)] == [1, 2]
    assert [record["step"] for record in job.logged(1)] == [2]
    job.write(recurrent(), TRAIN, VALIDATION)
    assert list(job.logged(0)) == []


@pytest.mark.parametrize("kind", ["contract", "lost"])
def test_what_a_person_must_mend_is_not_tried_again_and_a_lost_process_is(kind, tmp_path):
    job = Job(tmp_path)
    job.write(recurrent(), TRAIN, VALIDATION)
    if kind == "contract":
        job.fail(Failure("contract", "the loss became nan at step 3"))
    else:
        job.output.write_text("x\n" * 100 + "Segmentation fault\n")
    wanted, words = (ContractError, "nan at step 3") if kind == "contract" else (WorkerLostError, "Segmentation fault")
    with pytest.raises(wanted, match=words):
        _after(job.failure(), recurrent(), None)


def test_workers_out_of_memory_go_on_with_half_the_batch():
    smaller = _after(Failure("memory", "CUDA out of memory"), recurrent(batch_size=8), None)
    assert (smaller.batch_size, smaller.accumulation) == (4, 2)
    with pytest.raises(ContractError, match="does not fit"):
        _after(Failure("memory", "CUDA out of memory"), recurrent(batch_size=1), None)


def test_several_processes_take_fewer_steps_and_validate_as_often():
    one, four = (StepPlan.of(recurrent(batch_size=10, processes=n, epochs=2.0), 400) for n in (1, 4))
    assert (one.an_epoch, one.steps, one.validate_every) == (40, 80, 40)
    assert (four.an_epoch, four.steps, four.validate_every) == (10, 20, 10)


def test_processes_that_work_at_the_same_time_get_reviews_of_similar_length():
    lengths = np.random.default_rng(0).integers(3, 128, 640).tolist()
    order = list(SimilarLengths(lengths, 8 * 4, seed=5))
    turns = np.array(lengths)[order].reshape(-1, 4, 8).max(2)
    assert np.ptp(turns, axis=1).max() < 20
