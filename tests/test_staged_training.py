"""A network divided over two processes: its steps are those of the undivided one, and its training can be resumed."""

import os
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from torch import distributed, multiprocessing
from torch.distributed.device_mesh import init_device_mesh
from torch.nn.functional import cross_entropy

import tiny
from ports import free_port
from sentiment.engine.calibration import positive_probability
from sentiment.evaluation.metrics import evaluate, fit_threshold
from sentiment.training.checkpoints import STATE
from sentiment.training.fitted import Fitted, predict_logits
from sentiment.training.models.recurrent import RecurrentClassifier, RecurrentShape
from sentiment.training.staged.network import StagedNetwork, average_gradients, clip_gradients
from sentiment.training.staged.train import fit_staged

TOLERANCE = 1e-5
KINDS = ("gru", "lstm", "bilstm")
TRAIN, VALIDATION = tiny.reviews(320), tiny.reviews(80, seed=1)


def batch(reviews: int) -> dict[str, torch.Tensor]:
    """Reviews of 1 to 21 words: longer than one step of lengths, and not a multiple of it."""
    draw = torch.Generator().manual_seed(1)
    lengths = torch.randint(1, 22, (reviews,), generator=draw)
    lengths[0] = 21
    mask = (torch.arange(21)[None] < lengths[:, None]).long()
    ids = torch.randint(1, 50, (reviews, 21), generator=draw) * mask
    labels = torch.randint(0, 2, (reviews,), generator=draw)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def rows(whole: dict[str, torch.Tensor], kept: slice) -> dict[str, torch.Tensor]:
    return {name: value[kept] for name, value in whole.items()}


def network(kind) -> RecurrentClassifier:
    torch.manual_seed(0)
    return RecurrentClassifier(RecurrentShape(kind, 50, 8, 6, dropout=0.0))


def undivided(kind, given) -> tuple[float, dict[str, torch.Tensor], torch.Tensor]:
    """Loss, gradients and logits of the whole network in one process."""
    whole = network(kind)
    logits = whole(given["input_ids"], given["attention_mask"])
    loss = cross_entropy(logits, given["labels"])
    loss.backward()
    return loss.item(), {name: value.grad for name, value in whole.named_parameters()}, logits.detach()


def check_step(kind, mesh) -> set[str]:
    """One step of a pair on its half of a batch, averaged over the pairs; returns the parameters that are here."""
    given, half = batch(12), 6
    loss, gradients, logits = undivided(kind, given)
    mine = rows(given, slice(mesh.get_local_rank("pairs") * half, (mesh.get_local_rank("pairs") + 1) * half))
    staged = StagedNetwork(network(kind), cross_entropy, mesh.get_group("stages"), torch.device("cpu"))
    total = staged.backward(mine)
    average_gradients(staged.parameters.values(), mesh.get_group("pairs"))
    distributed.all_reduce(total)
    assert total.item() / 2 == pytest.approx(loss, abs=TOLERANCE)
    for name, parameter in staged.parameters.items():
        torch.testing.assert_close(parameter.grad, gradients[name], atol=TOLERANCE, rtol=0)
    norm = torch.nn.utils.get_total_norm(gradients.values()).item()
    assert clip_gradients(staged.parameters.values(), norm / 2, mesh.get_group("stages")) == pytest.approx(norm)
    for name, parameter in staged.parameters.items():
        torch.testing.assert_close(parameter.grad, gradients[name] / 2, atol=TOLERANCE, rtol=0)
    found = staged.logits(given)
    assert (found is None) == (mesh.get_local_rank("stages") == 0)
    if found is not None:
        torch.testing.assert_close(found, logits, atol=TOLERANCE, rtol=0)
    return {name.split(".")[0] for name in staged.parameters}


def check_alone(kind, mesh) -> None:
    """Steps of one pair: batches that no microbatch divides, other lengths, and a loss that is weighed."""
    staged = StagedNetwork(network(kind), cross_entropy, mesh.get_group("stages"), torch.device("cpu"))
    first, second = rows(batch(8), slice(0, 7)), {n: v[:, :9] if v.dim() == 2 else v for n, v in batch(4).items()}
    second["attention_mask"][:, 0] = 1
    staged.backward(first, 0.5)
    staged.backward(second, 0.5)
    wanted = [undivided(kind, given)[1] for given in (first, second)]
    for name, parameter in staged.parameters.items():
        mean = (wanted[0][name] + wanted[1][name]) / 2
        torch.testing.assert_close(parameter.grad, mean, atol=TOLERANCE, rtol=0)


def member(rank: int, meeting: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=4)
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("pairs", "stages"))
    for kind in KINDS:
        held = check_step(kind, mesh)
        assert held == ({"embedding", "output"} if rank % 2 == 0 else {"recurrent"})
        check_alone(kind, mesh)
    distributed.destroy_process_group()
    (meeting.parent / f"done-{rank}").touch()


def start(function, processes: int, *arguments) -> None:
    # Torch and transformers are imported once, by a server that the processes are forked from.
    multiprocessing.get_context("forkserver").set_forkserver_preload(["pytest", "sentiment.training.staged.train"])
    multiprocessing.start_processes(function, arguments, nprocs=processes, start_method="forkserver")


@pytest.mark.slow
def test_a_step_in_stages_has_the_loss_and_the_gradients_of_the_undivided_network(tmp_path):
    start(member, 4, tmp_path / "meeting")
    assert len(list(tmp_path.glob("done-*"))) == 4


class DiedError(Exception):
    """What stands for the death of a process."""


def training_member(rank: int, workdir: Path, port: int, dies_at: int, changes: dict) -> None:
    torch.set_num_threads(2)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    small = {"vocabulary": 400, "embedding_size": 16, "hidden_size": 16, "dropout": 0.2, "learning_rate": 1e-2}
    config = tiny.config("none", "bilstm", **{"stages": 2, "epochs": 2.0, "evaluations": 4, **small, **changes})
    steps = []

    def note(record):
        assert torch.get_num_threads() == 1  # of the two that the process has
        steps.append(record["step"])
        if record["step"] == dies_at:
            raise DiedError

    with pytest.raises(DiedError) if dies_at else nullcontext():
        fitted = fit_staged(config, TRAIN, VALIDATION, workdir, note)
        fitted.save(workdir / f"fitted-{rank}")
    (workdir / f"began-{rank}").write_text(str(steps[0]))


def train(workdir: Path, dies_at: int = 0, **changes) -> None:
    """Train a network with dropout in two processes, to its end or to the death of both."""
    port = free_port()
    start(training_member, 2, workdir, port, dies_at, changes)


@pytest.mark.slow
def test_a_training_in_stages_that_died_goes_on_from_its_checkpoint_to_the_same_network(tmp_path):
    whole, died = tmp_path / "whole", tmp_path / "died"
    train(whole)
    train(died, dies_at=26)
    train(died)
    assert [(died / f"began-{rank}").read_text() for rank in (0, 1)] == ["21", "21"]
    wanted, again = Fitted.load(whole / "fitted-0"), Fitted.load(died / "fitted-1")
    assert [one["step"] for one in again.history] == [one["step"] for one in wanted.history]
    test = tiny.reviews(50, seed=9)
    assert predict_logits(again, test) == pytest.approx(predict_logits(wanted, test), abs=1e-5)
    parts = {f"{part}-{stage}" for stage in (0, 1) for part in ("stage", "optimizer")}
    files = {file.name for file in whole.glob("checkpoint-40/*")}
    assert files == {f"{part}.safetensors" for part in parts} | {"optimizer-0.json", "optimizer-1.json", STATE}
    assert len(list(whole.glob("checkpoint-*"))) <= 2


@pytest.mark.slow
def test_a_training_in_stages_is_validated_at_the_threshold_that_comes_out(tmp_path):
    train(tmp_path, learning_rate=1e-4, epochs=0.5, evaluations=1, tune_threshold=True)
    fitted = Fitted.load(tmp_path / "fitted-0")
    probability, labels = positive_probability(predict_logits(fitted, VALIDATION)), VALIDATION.labels
    wanted = evaluate(labels, probability, fit_threshold(probability, labels))["macro_f1"]
    assert max(one.get("eval_macro_f1", 0) for one in fitted.history) == pytest.approx(wanted)
    assert wanted > evaluate(labels, probability)["macro_f1"] + 0.01


@pytest.mark.slow
def test_a_training_in_stages_stops_when_validations_bring_nothing_better(tmp_path):
    train(tmp_path, learning_rate=1e-9, evaluations=10, patience=2)
    assert sum("eval_macro_f1" in one for one in Fitted.load(tmp_path / "fitted-0").history) == 3
