"""A training as MLflow's users see it: experiment, data sets, settings, intervals, warning, description."""

import html
import json
import math
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import mlflow
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import tiny
from conftest import asking_mlflow, without_server
from contexts import a_context
from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.datasets.snapshot import (
    snapshot_folder,
)
from sentiment.evaluation.assessment import Assessment
from sentiment.export.config import ExportConfig
from sentiment.export.register import _origin, export_and_register
from sentiment.promotion.comparison import group
from sentiment.stores import files as storage
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.entries import TrainedRun
from sentiment.stores.registry.pages import DESCRIPTION, KIND, MODEL_DEVELOPMENT, SAVED_VIEW
from sentiment.stores.registry.versions import Registry
from sentiment.training import candidate as candidates
from sentiment.training.candidate import train_candidate
from sentiment.training.config.train import TrainConfig
from sentiment.training.costs import _peaks
from sentiment.training.dossier import _name_base, known_by_heart, no_better_than_chance, scarce, too_few
from sentiment.training.job import Memory
from sentiment.training.results import TrainResult
from sentiment.training.seeds import train_over_seeds
from sentiment.training.settings import effective_settings
from sentiment.views.report import version_row

SNAPSHOT = "0123456789ab"
SIZES = {"train": 400, "validation": 120, "test": 150}


def write_snapshot(settings: Settings) -> None:
    """Write generated reviews as a snapshot's folder."""
    folder = snapshot_folder(Lake(settings.lake_root), SNAPSHOT)
    Path(folder).mkdir(parents=True)
    for seed, (split, size) in enumerate(SIZES.items()):
        some = tiny.reviews(size, seed)
        columns = {"review_key": some.keys, "title": some.titles, "text": some.texts, "label": some.labels}
        columns |= {"rating": np.where(some.labels == 1, 5.0, 1.0), "category": ["Phones"] * size}
        columns |= {
            "review_date": [date(2024, 6, 1)] * size,
            "sample_order": [row * (2**64 // size) - 2**63 for row in range(size)],
        }
        parquet.write_table(pa.table(columns), f"{folder}/{split}.parquet")
    manifest = {
        "id": SNAPSHOT,
        "config": {"dataset": "lake"},
        "files": {split: [f"{split}.parquet"] for split in SIZES},
        "splits": {split: {"reviews": size} for split, size in SIZES.items()},
    }
    storage.write_bytes(storage.join(folder, "manifest.json"), json.dumps(manifest).encode())


@pytest.fixture(scope="module")
def deployment(tmp_path_factory) -> Iterator[Settings]:
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, lake="", mlflow_uri=without_server(home), artifacts="", experiment="trainings")
    write_snapshot(settings)
    with asking_mlflow(settings.tracking_uri):
        yield settings


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    return tiny.write_encoder(tmp_path_factory.mktemp("encoder"))


def at(settings: Settings, progress=lambda *_: None) -> Context:
    """A person who trains in the deployment."""
    return Context(settings, "Ada", "shell", datetime(2024, 7, 1, tzinfo=UTC), progress)


def candidate(encoder: Path, family: str, **changes: object) -> TrainConfig:
    return tiny.config(encoder, family, **{"snapshot": SNAPSHOT, **changes})


@pytest.fixture(scope="module")
def told() -> list[tuple[str, int, int]]:
    return []


@pytest.fixture(scope="module")
def linear(deployment, encoder, told) -> TrainResult:
    config = candidate(encoder, "linear", test_reviews=100)
    return train_candidate(config, at(deployment, lambda *step: told.append(step)))


@pytest.fixture(scope="module")
def hopeless(deployment, encoder) -> TrainResult:
    """Train a network with a learning rate at which nothing is learnt but one class."""
    config = candidate(encoder, "encoder", learning_rate=0.9, train_reviews=100, clip_norm=0.0, label_smoothing=0.1)
    return train_candidate(config, at(deployment))


@pytest.fixture(scope="module")
def folded(deployment, encoder) -> tuple[TrainResult, list[tuple[str, int, int]]]:
    """Cross-validate a linear model and train it; gives the result, and how far it said it was."""
    told: list[tuple[str, int, int]] = []
    config = candidate(encoder, "linear", folds=3, fold_reviews=150, tune_threshold=True, imbalance="class_weights")
    return train_candidate(config, at(deployment, lambda *step: told.append(step))), told


def test_a_cross_validation_says_how_far_it_is_and_what_it_found(folded):
    result, told = folded
    assert [step[1:] for step in told if step[0] == "cross-validating, per cent"] == [(33, 100), (67, 100), (100, 100)]
    found, metrics = result.cross_validation, run_of(result).data.metrics
    assert (found.folds, found.reviews) == (3, 150)
    assert found.macro_f1 == pytest.approx(metrics["folds_macro_f1_mean"], abs=1e-4)
    assert found.macro_f1_std == pytest.approx(metrics["folds_macro_f1_std"], abs=1e-4)
    assert result.sentences()[1].startswith("Cross-validated over 3 folds of 150 reviews: accuracy ")
    page = mlflow.artifacts.load_text(f"{run_of(result).info.artifact_uri}/report.html")
    assert "Cross-validation</h2>" in page
    assert f"{metrics['folds_macro_f1_mean']:.4f}" in page


def test_a_weighted_training_is_calibrated_with_a_bias_that_its_run_and_its_page_name(folded, linear):
    metrics = run_of(folded[0]).data.metrics
    assert metrics["bias"] != 0 == run_of(linear).data.metrics["bias"]
    page = mlflow.artifacts.load_text(f"{run_of(folded[0]).info.artifact_uri}/report.html")
    assert f"a bias of {metrics['bias']:+.3f}" in page


@pytest.mark.slow
def test_a_version_says_what_the_pair_does_beside_what_the_network_does_alone(deployment, encoder):
    config = candidate(encoder, "gru", train_reviews=300, imbalance="class_weights", tune_threshold=True)
    trained = train_candidate(config, at(deployment))
    wish = {"review_share": 0.2, "cascade_reviews": 250, "parity_reviews": 60, "max_accuracy_loss": 0.5}
    registry = Registry(deployment)
    found = export_and_register(ExportConfig(run_id=trained.run_id, **wish), registry, at(deployment))
    metrics, bundle = run_of(trained).data.metrics, registry.fetch_bundle(found.version).description
    assert (found.gate_reviews, found.network_train_reviews) == (250, 300)
    assert (found.network_macro_f1, found.test_gate_share > 0) == (metrics["test_macro_f1"], True)
    assert bundle.bias == metrics["bias"] != 0
    exported = registry.version(found.version)
    assert exported.figure("threshold") == bundle.gate.thresholds.positive
    # Of several versions the one is judged that is best on validation as it ships, and not as its network is alone.
    assert exported.figure("validation_macro_f1") == round(bundle.metrics["cascade_macro_f1"], 6)
    assert bundle.thresholds.positive == metrics["threshold"]
    assert bundle.gate.thresholds.review_share == 0.2
    for name in ("test_accuracy", "test_review_share", "test_unreviewed_error", "cascade_review_share"):
        assert 0 <= bundle.metrics[name] <= 1
    surest = found.confidence[-1]
    assert (surest.low, surest.reviews) == (90, found.test_confident_reviews)
    assert found.test_confident_error == pytest.approx(surest.errors / max(surest.reviews, 1), abs=1e-6)
    assert sum(band.errors for band in found.confidence) == round((1 - found.accuracy) * trained.test_reviews)
    assert sum(band.reviews for band in found.confidence) == trained.test_reviews
    assert registry.version(found.version).figure("test_confident_error") == found.test_confident_error
    assert found.languages == bundle.languages == ("en",)
    version = mlflow.MlflowClient().get_model_version("review-sentiment", str(found.version))
    assert "gru behind a gate: accuracy " in version.description
    assert "a linear model of 250 reviews" in version.description
    assert f"alone, trained on 300, has accuracy {100 * trained.accuracy:.1f} %" in version.description
    assert found.sentences()[0].startswith(f"Version {found.version}, gru behind a gate: accuracy ")
    of_run = run_of(trained).data.tags[DESCRIPTION]
    assert of_run.startswith("Accuracy **")
    assert of_run.endswith(" ".join(found.sentences()))
    row = version_row(registry, registry.version(found.version))
    assert (row.gate_reviews, row.network_macro_f1) == (250, pytest.approx(trained.macro_f1, abs=1e-4))


def run_of(result: TrainResult) -> mlflow.entities.Run:
    return mlflow.MlflowClient().get_run(result.run_id)


def test_the_result_holds_accuracy_and_macro_f1_with_their_intervals(linear):
    for figure in ("accuracy", "macro_f1"):
        low, high = getattr(linear, f"{figure}_interval")
        assert 0 <= low <= getattr(linear, figure) <= high <= 1
    assert linear.warning is None
    assert "warning" not in linear.model_dump(mode="json", exclude_unset=True)


def test_what_came_of_a_training_can_be_said_with_its_intervals(linear):
    sentence, note = linear.sentences()
    low, high = (f"{100 * bound:.1f}" for bound in linear.accuracy_interval)
    assert sentence.startswith(f"linear: accuracy {100 * linear.accuracy:.1f} % ({low} to {high} %), macro F1 ")
    assert note == f"Note: {linear.note}."


def test_a_linear_training_tells_no_per_cent_because_it_is_solved_at_once(linear, told):
    assert not [one for one in told if "per cent" in one[0]]


def test_a_snapshot_that_holds_fewer_reviews_than_were_asked_for_is_said(linear, told):
    assert "400 of 12,000 to train on, 120 of 4,000 to validate on" in linear.note
    assert "to test on" not in linear.note
    assert linear.note in told[0][0]
    # As on the page that people decide by.
    assert f"**Note:** {linear.note}." in run_of(linear).data.tags["mlflow.note.content"]
    page = Path(mlflow.artifacts.download_artifacts(run_id=linear.run_id, artifact_path="report.html"))
    assert linear.note[1:] in html.unescape(page.read_text(encoding="utf-8"))


def test_several_seeds_are_as_many_runs_and_the_one_that_is_best_on_validation_is_shown(deployment, encoder):
    found = train_over_seeds(candidate(encoder, "linear", train_reviews=100, seeds=3), at(deployment))
    assert [run.seed for run in found.runs] == [17, 18, 19]
    best = max(found.runs, key=lambda run: run.validation_macro_f1)
    assert (found.run_id, found.macro_f1) == (best.run_id, best.macro_f1)
    assert found.sentences()[1].startswith("Over 3 seeds macro F1 is 0.")
    runs = [mlflow.MlflowClient().get_run(run.run_id) for run in found.runs]
    assert [run.info.run_name for run in runs] == ["linear-100", "linear-100-seed18", "linear-100-seed19"]
    assert [run.data.params["seed"] for run in runs] == ["17", "18", "19"]
    assert not any("seeds" in run.data.params for run in runs)
    # Each seed draws its reviews, and so another model, of one candidate.
    drawn = {run.inputs.dataset_inputs[0].dataset.digest for run in runs}
    assert len(drawn) == 3
    (one,) = group([Registry(deployment).trained(run.run_id) for run in found.runs])
    assert (len(one.runs), one.repeated) == (3, 0)


def test_what_every_seed_gives_alike_is_trained_once_and_that_is_said(deployment, encoder):
    found = train_over_seeds(candidate(encoder, "linear", train_reviews=400, seeds=5), at(deployment))
    assert found.runs == ()
    assert found.note.endswith(
        "with all 400 training reviews every seed gives the same linear model: it was trained once"
    )
    again = train_candidate(candidate(encoder, "linear", train_reviews=400, seed=18), at(deployment))
    (one,) = group([Registry(deployment).trained(run.run_id) for run in (found, again)])
    assert (len(one.runs), one.repeated) == (1, 1)


def test_the_run_names_the_three_parts_of_the_snapshot_with_their_rows(linear):
    inputs = run_of(linear).inputs.dataset_inputs
    shown = {one.tags[0].value: (one.dataset.name, json.loads(one.dataset.profile)["num_rows"]) for one in inputs}
    assert shown == {
        "train": (f"lake-{SNAPSHOT}-train", 400),
        "validation": (f"lake-{SNAPSHOT}-validation", 120),
        "test": (f"lake-{SNAPSHOT}-test", 100),
    }
    assert all(json.loads(one.dataset.source)["uri"].endswith(f"snapshots/{SNAPSHOT}") for one in inputs)


def test_reviews_that_were_used_twice_have_one_digest_and_others_another(linear, hopeless):
    one, two = (
        {each.tags[0].value: each.dataset.digest for each in run_of(result).inputs.dataset_inputs}
        for result in (linear, hopeless)
    )
    assert one["validation"] == two["validation"]
    assert one["train"] != two["train"]


def test_a_run_that_is_gone_on_with_does_not_name_its_reviews_twice(linear, deployment, encoder, monkeypatch):
    monkeypatch.setattr("sentiment.training.candidate.fit", interrupted)
    config = candidate(encoder, "linear", seed=99)
    for _ in range(2):
        with pytest.raises(InterruptedError):
            train_candidate(config, at(deployment))
    (run,) = mlflow.search_runs(
        experiment_names=["trainings"], filter_string="params.seed = '99'", output_format="list"
    )
    assert len(run.inputs.dataset_inputs) == 3


def interrupted(*_: object) -> None:
    raise InterruptedError


def test_the_experiment_is_one_of_model_development_and_leads_back_to_airflow(linear, deployment, monkeypatch):
    shown = mlflow.get_experiment_by_name("trainings")
    assert shown.tags[KIND] == MODEL_DEVELOPMENT
    assert "DAG train_models" in shown.tags[DESCRIPTION]
    assert "metrics.`test_macro_f1`" in json.loads(json.loads(shown.tags[SAVED_VIEW])["state"])["selectedColumns"]
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.shop.example/")
    Registry(deployment).runs_address()
    with Registry(deployment).run("empty", {"seed": 0}, {}, a_context(deployment)):
        pass
    described = mlflow.get_experiment_by_name("trainings").tags[DESCRIPTION]
    assert "[train_models](https://airflow.shop.example/dags/train_models)" in described


def test_an_older_experiment_gets_what_it_lacks_and_keeps_what_a_person_wrote(linear, deployment, monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.shop.example")
    older = mlflow.create_experiment("older", tags={DESCRIPTION: "Ask Ada."})
    with Registry(deployment.model_copy(update={"experiment": "older"})).run(
        "empty", {"seed": 0}, {}, a_context(deployment)
    ):
        pass
    tags = mlflow.get_experiment(older).tags
    assert (tags[KIND], tags[DESCRIPTION]) == (MODEL_DEVELOPMENT, "Ask Ada.")


def test_candidates_of_other_sizes_are_cross_validated_on_the_same_reviews(encoder, deployment, monkeypatch):
    samples = []
    monkeypatch.setattr(candidates, "cross_validate", lambda _, reviews, *__: samples.append(reviews.keys) or [])
    monkeypatch.setattr(candidates, "summary", lambda _: {})
    for reviews in (200, 10_000):  # a part of the snapshot's, and all
        config = candidate(encoder, "linear", folds=3, fold_reviews=150, train_reviews=reviews, seed=18)
        train_candidate(config, a_context(deployment))
    assert samples[0] == samples[1]
    assert len(samples[0]) == 150


def test_a_model_that_calls_all_reviews_the_same_says_that_it_learnt_nothing(hopeless):
    said = hopeless.warning
    assert said.startswith("this training learnt nothing: the model calls all ")
    assert run_of(hopeless).data.tags[DESCRIPTION].startswith(f"**Warning:** {said}.")
    assert said[1:] in Path(hopeless.report).read_text(encoding="utf-8")


def test_the_run_and_its_report_show_the_settings_that_were_used_and_no_others(linear, hopeless):
    of_linear, of_encoder = run_of(linear).data.params, run_of(hopeless).data.params
    assert of_linear.keys() >= {"family", "encoder", "buckets", "inverse_regularisation", "seed", "snapshot"}
    assert not of_linear.keys() & {"learning_rate", "lora_rank", "vocabulary", "head", "epochs", "focal_gamma"}
    assert not of_encoder.keys() & {"lora_rank", "vocabulary", "buckets", "embeddings"}
    report = Path(linear.report).read_text(encoding="utf-8")
    assert "<dt>buckets</dt>" in report
    assert "<dt>lora_rank</dt>" not in report


def test_without_a_server_the_report_is_named_by_where_its_file_lies(linear):
    assert Path(linear.report).is_file()
    assert linear.experiment is None


def test_with_a_server_report_and_experiment_are_whole_addresses_of_the_training_pages(linear, deployment):
    shown = deployment.model_copy(update={"mlflow_public_url": "https://mlflow.shop.example/"})
    registry, experiment = Registry(shown), mlflow.get_experiment_by_name("trainings").experiment_id
    report = registry.artifact_address(linear.run_id, "report.html")
    beginning = f"https://mlflow.shop.example/#/experiments/{experiment}/runs"
    assert report.startswith(f"{beginning}/{linear.run_id}/artifacts/report.html?")
    assert registry.runs_address().startswith(f"{beginning}?viewStateShareKey=figures")
    assert "workflowType=machine_learning" in report


@pytest.mark.parametrize(
    ("given", "used", "unused"),
    [
        ({"family": "lora"}, {"learning_rate": 5e-4, "lora_rank": 8, "warmup_share": 0.1}, {"vocabulary", "preset"}),
        ({"family": "encoder", "learning_rate": 2e-5}, {"learning_rate": 2e-5, "pooling": "mean"}, {"lora_rank"}),
        ({"family": "gru"}, {"learning_rate": 1e-3, "vocabulary": 30_000, "precision": "fp32"}, {"encoder", "head"}),
        ({"family": "encoder", "warmup_steps": 5}, {"warmup_steps": 5}, {"warmup_share"}),
        ({"family": "encoder", "evaluate_every": 9}, {"evaluate_every": 9}, {"evaluations"}),
        ({"family": "encoder", "imbalance": "focal"}, {"focal_gamma": 2.0}, {"fold_reviews"}),
        ({"family": "linear", "folds": 3}, {"fold_reviews": 2_000, "seed": 17}, {"batch_size", "precision"}),
    ],
)
def test_of_the_settings_those_are_told_that_count(given, used, unused):
    settings = effective_settings(TrainConfig(**given), 2_000)
    assert used.items() <= settings.items()
    assert not unused & settings.keys()
    assert None not in settings.values()
    assert next(iter(settings)) == "family"


def assessment(low: float, high: float) -> Assessment:
    """Return as much of an assessment as says how well the test reviews are ordered."""
    known = {one.name: () for one in fields(Assessment)}
    return Assessment(**known | {"figures": {"roc_auc": (low + high) / 2}, "bounds": {"roc_auc": (low, high)}})


@pytest.mark.parametrize(
    ("test", "labels", "interval", "said"),
    [
        ([True, False], [1, 0], (0.7, 0.9), ""),
        ([True, True], [1, 0], (0.7, 0.9), "nothing: the model calls all 2 test reviews positive. Train on more"),
        ([False, False], [1, 0], (math.nan, math.nan), "calls all 2 test reviews negative. Train on more"),
        ([True, True], [1, 1], (math.nan, math.nan), ""),
        ([True, False], [1, 0], (0.45, 0.65), "no better than chance (ROC-AUC 0.55, 0.45 to 0.65). Train on more"),
        ([True, False], [1, 0], (0.42, 0.84), "too small to tell this model from a coin (ROC-AUC 0.63, 0.42 to 0.84)"),
        ([True, False], [1, 0], (math.nan, math.nan), ""),
    ],
)
def test_a_model_learnt_nothing_that_calls_both_labels_the_same_or_orders_no_better_than_chance(
    test, labels, interval, said
):
    called = {"validation": np.array([True, False]), "test": np.array(test)}
    of = {"validation": np.array([1, 0]), "test": np.array(labels)}
    warning = no_better_than_chance(TrainConfig(family="linear"), called, of, assessment(*interval))
    assert said in warning
    assert bool(warning) is bool(said)


def test_as_many_reviews_as_were_asked_for_need_no_word():
    enough = {"train": 12_000, "validation": 4_000, "test": 4_000}
    assert too_few(TrainConfig(), enough) == ""
    assert too_few(TrainConfig(), enough | {"test": 10}).endswith("10 of 4,000 to test on")


def test_test_reviews_whose_text_was_learnt_are_told_where_they_are_many():
    learnt, test = tiny.reviews(40, seed=1), tiny.reviews(200, seed=2)
    test = replace(test, texts=[f"{text} {row}" for row, text in enumerate(test.texts)])
    assert known_by_heart(learnt, test) == ""
    few, many = ([f"{text.upper()}!" for text in learnt.texts[:some]] + test.texts[some:] for some in (2, 3))
    assert known_by_heart(learnt, replace(test, texts=few)) == ""
    assert known_by_heart(learnt, replace(test, texts=many)) == (
        "3 of 200 test reviews have the text of a training review, and are no test"
    )


def test_a_split_that_is_nearly_of_one_class_is_named():
    balanced = np.array([0, 1] * 10)
    assert scarce({"validation": balanced, "test": balanced}) == ""
    assert scarce({"validation": np.ones(300, int), "test": np.array([0, *[1] * 300])}).endswith(
        "few reviews of a class: validation holds 0 negative reviews, test holds 1 negative review"
    )


@pytest.mark.parametrize(("asked", "named"), [("org/encoder", "org/encoder"), ("FOLDER/mine", "mine")])
def test_an_adapter_names_its_base_as_it_was_asked_for_and_no_path_of_this_machine(asked, named, tmp_path):
    (tmp_path / "mine").mkdir()
    file = tmp_path / "adapter_config.json"
    file.write_text(json.dumps({"base_model_name_or_path": str(tmp_path / "site-packages" / "model"), "r": 8}))
    _name_base(file, TrainConfig(encoder=asked.replace("FOLDER", str(tmp_path))))
    assert json.loads(file.read_text()) == {"base_model_name_or_path": named, "r": 8}


@pytest.mark.parametrize(("asked", "named"), [("org/encoder", "org/encoder"), ("/home/ada/mine", "mine")])
def test_a_bundle_names_its_encoder_and_no_path_of_this_machine(asked, named):
    run = TrainedRun("r", {"snapshot": SNAPSHOT, "encoder": asked}, {}, {})
    assert _origin(run) == {"run_id": "r", "snapshot": SNAPSHOT, "encoder": named}


def test_a_run_that_failed_is_not_exported_and_says_so_in_a_sentence(deployment):
    registry = Registry(deployment)
    params = {"snapshot": SNAPSHOT, "family": "linear", "test_reviews": 100}
    with pytest.raises(MemoryError), registry.run("linear", params, {}, at(deployment)) as run:
        raise MemoryError
    with pytest.raises(ContractError, match=f"run {run.run_id} has no temperature: .* did not come to its end"):
        export_and_register(ExportConfig(run_id=run.run_id), registry, at(deployment))


def test_the_second_export_of_a_run_says_that_it_is_one(linear, deployment):
    registry, config = Registry(deployment), ExportConfig(run_id=linear.run_id, max_accuracy_loss=0.5)
    first, second = (export_and_register(config, registry, at(deployment)) for _ in range(2))
    assert first.exported_before == ()
    assert second.exported_before == (first.version,)
    assert f"exported before, as version {first.version}." in second.sentences()[-1]


def test_a_run_has_each_figure_once_with_what_its_training_took(hopeless):
    shown = run_of(hopeless).data
    assert {name for name in shown.metrics if name.startswith(("eval_", "train_"))} == {
        *("eval_loss", "eval_accuracy", "eval_macro_f1", "train_reviews_used")
    }
    assert shown.metrics["peak_memory_megabytes"] > 100
    assert "peak_memory_megabytes_in_all" not in shown.metrics
    assert (shown.params["learning_rate"], shown.params["precision"]) == ("0.9", "fp32")
    assert shown.params["global_batch"] == "16"


@pytest.mark.parametrize(("platform", "counted"), [("linux", 500 * 1024), ("darwin", 500 * 2**20)])
def test_the_memory_of_a_process_is_in_bytes_in_whatever_unit_a_system_counts_it(platform, counted, monkeypatch):
    monkeypatch.setattr("sentiment.training.job.sys.platform", platform)
    monkeypatch.setattr("sentiment.training.job.resource.getrusage", lambda _: SimpleNamespace(ru_maxrss=counted))
    assert Memory.of_this_process().host == 500 * 2**20


def test_the_memory_of_several_processes_is_that_of_the_largest_and_of_all():
    assert _peaks([Memory(300 * 10**6), Memory(500 * 10**6)]) == {
        "peak_memory_megabytes": 500.0,
        "peak_memory_megabytes_in_all": 800.0,
    }
    assert _peaks([Memory(10**6, gpu=2 * 10**6)]) == {"peak_memory_megabytes": 1.0, "peak_gpu_megabytes": 2.0}
