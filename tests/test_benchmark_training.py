"""The benchmark of parallel training: what it measures, how it reckons, and where table and picture go."""

import json
from types import SimpleNamespace

import pytest
from matplotlib.image import imread
from pydantic import ValidationError

import tiny
from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.stores.registry.versions import Registry
from sentiment.training.config.architecture import RECURRENT_FAMILIES
from sentiment_benchmarks import training
from sentiment_benchmarks.config import BenchmarkTrainingConfig
from sentiment_benchmarks.scaling import Arrangement, Measured, scaling_picture, scaling_rows

ONE, TWO, FOUR = (Arrangement("data parallel", n, 1, "fp32") for n in (1, 2, 4))
PAIR, PAIRS = (Arrangement("data and model parallel", n, 2, "fp32") for n in (1, 2))


def times(*seconds: float) -> list[Measured]:
    return [Measured(one, 3.0, 0.8) for one in seconds]


@pytest.fixture
def rows():
    measured = {ONE: times(10, 12, 8), TWO: times(6, 5, 5), FOUR: times(4), PAIR: times(20), PAIRS: times(16)}
    return scaling_rows(measured, reviews=dict.fromkeys((1, 2, 4), 1000))


def test_a_row_holds_medians_and_what_they_mean_against_the_fewest_processes_of_its_mode(rows):
    one, _, _, pair, pairs = rows
    assert [row["seconds"] for row in rows] == [10, 5, 4, 20, 16]
    assert (one["fastest"], one["slowest"], one["reviews_per_second"]) == (8, 12, 100)
    assert [row["speed_up"] for row in rows] == [1, 2, 2.5, 1, 1.25]
    assert [row["efficiency"] for row in rows] == [1, 1, 0.625, 1, 0.625]
    assert [row["against_first"] for row in (pair, pairs)] == [0.5, 0.625]
    assert (pairs["stages"], pairs["start_up_seconds"], pairs["macro_f1"]) == (2, 3.0, 0.8)


def test_efficiency_is_reckoned_from_the_fewest_processes_that_were_measured():
    two, four = scaling_rows({TWO: times(10), FOUR: times(6)}, reviews={2: 10, 4: 10})
    assert (two["efficiency"], two["speed_up"]) == (1, 1)
    assert four["speed_up"] == pytest.approx(10 / 6)
    assert four["efficiency"] == pytest.approx(10 / 12)


def test_with_weak_scaling_what_counts_is_reviews_a_second():
    one, four = scaling_rows({ONE: times(10), FOUR: times(16)}, reviews={1: 100, 4: 400})
    assert (one["reviews"], four["reviews"]) == (100, 400)
    assert (one["reviews_per_second"], four["reviews_per_second"]) == (10, 25)
    assert (four["speed_up"], four["efficiency"], four["against_first"]) == (2.5, 0.625, 2.5)


def test_the_picture_shows_a_line_a_mode(rows, tmp_path):
    picture = imread(scaling_picture(rows, tmp_path / "pictures" / "training.png"))
    assert picture.shape[0] > 400
    assert len({tuple(colour) for colour in picture.reshape(-1, 4)[:, :3].round(1).tolist()}) > 3


def test_an_encoder_is_not_divided_into_stages():
    recurrent = training.arrangements(BenchmarkTrainingConfig(family="gru", processes=(2, 1)))
    assert [(one.processes, one.stages, one.precision) for one in recurrent] == [
        (1, 1, "fp32"),
        (2, 1, "fp32"),
        (1, 1, "bf16"),
        (2, 1, "bf16"),
        (1, 2, "fp32"),
        (2, 2, "fp32"),
    ]
    assert {one.stages for one in training.arrangements(BenchmarkTrainingConfig(family="encoder"))} == {1}


def test_a_number_of_processes_is_given_once():
    with pytest.raises(ValidationError, match="names a number twice"):
        BenchmarkTrainingConfig(processes=(1, 2, 1))
    with pytest.raises(ValidationError):
        BenchmarkTrainingConfig(processes=())


def test_threads_are_refused_where_they_would_not_be_taken():
    assert BenchmarkTrainingConfig(family="encoder", threads=2).threads == 2
    for family in RECURRENT_FAMILIES:
        with pytest.raises(ValidationError, match="computes on one thread, however many there are; leave threads at 1"):
            BenchmarkTrainingConfig(family=family, threads=2)


class FakeLauncher:
    """Trains nothing in no time; a process more halves what the summary says it took."""

    def __init__(self):
        self.trainings = []

    def __call__(self, config, train, validation, workdir, settings, threads):
        assert not workdir.exists()
        workdir.mkdir(parents=True)
        self.trainings.append((config.processes, config.stages, config.precision, len(train), threads))
        summary = {"train_runtime": 8.0 / config.processes}
        return SimpleNamespace(history=[{"eval_macro_f1": 0.75}, summary])


@pytest.fixture
def launcher(monkeypatch, home):
    fake = FakeLauncher()
    monkeypatch.setattr(training, "fit_distributed", fake)
    monkeypatch.setattr(training, "read_split", lambda folder, split, limit: tiny.reviews(limit))
    return fake


def test_with_weak_scaling_every_process_has_as_many_reviews_as_one_alone(launcher):
    config = BenchmarkTrainingConfig(
        snapshot="abc", family="encoder", train_reviews=100, processes=(1, 3), repeats=1, scaling="weak"
    )
    result = training.run_training_benchmark(config, Context.of_process(lambda *_: None))
    assert [(count, reviews) for count, _, _, reviews, _ in launcher.trainings] == 2 * [(1, 100), (3, 300)]
    assert [row["reviews"] for row in result.training] == 2 * [100, 300]


def test_every_arrangement_takes_its_turn_and_the_table_goes_to_mlflow_and_the_folder(launcher, home):
    config = BenchmarkTrainingConfig(snapshot="abc", family="gru", train_reviews=100, repeats=2, output=home / "out")
    steps = []
    (home / "out" / "pictures").mkdir(parents=True)
    (home / "out" / "pictures" / "mine.png").touch()
    result = training.run_training_benchmark(config, Context.of_process(lambda *step: steps.append(step)))
    assert launcher.trainings == 2 * [
        (processes, stages, precision, 100, 1)
        for stages, precision in [(1, "fp32"), (1, "bf16"), (2, "fp32")]
        for processes in (1, 2)
    ]
    assert [step[1:] for step in steps] == [(done, 12) for done in range(12)]
    assert [row["seconds"] for row in result.training] == [8, 4] * 3
    assert [row["efficiency"] for row in result.training] == [1] * 6
    assert result.machine.cores >= 1
    result.model_dump_json()
    assert json.loads((home / "out" / "tables" / "training.json").read_text()) == result.training
    assert (
        "| data and model parallel | fp32 | 2 | 2 | 100 | 4.0" in (home / "out" / "tables" / "training.md").read_text()
    )
    artifacts = Registry(Settings()).download(result.run_id, "", home / "down")
    assert (artifacts / "tables" / "training.md").is_file()
    assert [file.name for file in (artifacts / "pictures").iterdir()] == ["training.png"]
    assert (home / "out" / "pictures" / "mine.png").is_file()
    run = Registry(Settings()).trained(result.run_id)
    assert run.metrics["seconds data parallel mixed precision 2"] == 4.0
    assert not list((home / "training").glob("*"))


@pytest.fixture
def gpus(monkeypatch):
    """Gives this machine so many GPUs, without bf16."""
    import torch

    def give(count):
        answers = {
            "is_available": lambda: count > 0,
            "device_count": lambda: count,
            "get_device_name": lambda number: "a GPU",
            "is_bf16_supported": lambda **_: False,
        }
        for name, answer in answers.items():
            monkeypatch.setattr(torch.cuda, name, answer)

    return give


def test_what_has_too_few_gpus_is_left_out_with_a_note_and_the_rest_is_measured(launcher, gpus, home):
    gpus(2)
    config = BenchmarkTrainingConfig(snapshot="abc", train_reviews=100, repeats=1, mixed_precision="fp16")
    result = training.run_training_benchmark(config, Context.of_process())
    assert [one[:3] for one in launcher.trainings] == [
        (processes, stages, precision)
        for stages, precision, counts in [(1, "fp32", (1, 2)), (1, "fp16", (1, 2)), (2, "fp32", (1,))]
        for processes in counts
    ]
    *measured, left_out = result.training
    assert not [row for row in measured if "note" in row]
    assert (left_out["processes"], left_out["stages"]) == (2, 2)
    assert left_out["note"] == "left out: this machine has 2 GPUs for 4 processes"
    assert "this machine has 2 GPUs" in (home / "benchmarks" / "training" / "tables" / "training.md").read_text()


@pytest.mark.parametrize(
    ("count", "processes", "precision", "said"),
    [
        (1, (2, 3), "fp16", "has 1 GPU for 2 processes; lower --processes, or set CUDA_VISIBLE_DEVICES"),
        (1, (1,), "bf16", "does not train in bf16; give --mixed-precision fp16"),
        (0, (1,), "fp16", "does not train in fp16; give --mixed-precision bf16"),
    ],
)
def test_what_this_machine_cannot_measure_is_said_before_anything_is_trained(
    count, processes, precision, said, launcher, gpus
):
    gpus(count)
    config = BenchmarkTrainingConfig(snapshot="abc", processes=processes, mixed_precision=precision)
    with pytest.raises(ContractError, match=said):
        training.run_training_benchmark(config, Context.of_process())
    assert launcher.trainings == []


def test_a_folder_that_is_a_file_is_refused_before_anything_is_trained(launcher, home):
    (home / "out").touch()
    config = BenchmarkTrainingConfig(snapshot="abc", family="gru", train_reviews=100, output=home / "out")
    with pytest.raises(ContractError, match="give another folder with --output"):
        training.run_training_benchmark(config, Context.of_process())
    assert launcher.trainings == []


def test_without_a_folder_the_table_is_in_the_home_and_in_mlflow(launcher, home):
    config = BenchmarkTrainingConfig(snapshot="abc", family="encoder", train_reviews=100, processes=(1,), repeats=1)
    result = training.run_training_benchmark(config, Context.of_process())
    assert (result.output, len(result.training)) == (str(home / "benchmarks" / "training"), 2)
    assert (home / "benchmarks" / "training" / "tables" / "training.md").is_file()
    artifacts = Registry(Settings()).download(result.run_id, "", home / "down")
    assert (artifacts / "tables" / "training.json").is_file()
