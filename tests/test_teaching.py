"""A student: what it is taught, that it pays, and which teachers are refused."""

import mlflow
import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet
from pydantic import ValidationError
from torch.nn.functional import cross_entropy

import tiny
from conftest import use_home
from contexts import a_context
from sentiment import cli
from sentiment.core.errors import ContractError
from sentiment.core.labelled import TaughtReviews
from sentiment.core.names import UNLABELLED
from sentiment.core.settings import Settings
from sentiment.engine.calibration import positive_probability
from sentiment.engine.tokens import ReviewTokenizer
from sentiment.stores.registry.versions import Registry
from sentiment.training.batches import collate, examples
from sentiment.training.checkpoints import claim
from sentiment.training.config.train import TrainConfig, TrainRequest
from sentiment.training.fit import fit
from sentiment.training.fitted import predict_logits
from sentiment.training.imbalance import training_loss
from sentiment.training.job import Job
from sentiment.training.teaching.lessons import counts, lessons
from sentiment.training.teaching.loss import taught_loss
from sentiment.training.teaching.table import TABLE, folder_of, read_table, table_of
from sentiment.training.verbs import TRAIN
from taught import OTHER, SIZES, SNAPSHOT, THREE_STARS, deployed, table

NAN = float("nan")
LOGITS = torch.tensor([[0.2, -0.4], [-1.0, 1.5], [0.0, 0.3]])
UNKNOWN = torch.full((3,), NAN)
OF_LABELS = training_loss(TrainConfig(), np.array([0, 1]), 0.0, reduction="none")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return tiny.write_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("home"), OTHER) as settings:
        yield settings


def of_training(count=SIZES["train"]) -> list[str]:
    return tiny.reviews(count).keys


def taught(reviews, odds) -> TaughtReviews:
    return TaughtReviews(**vars(reviews), log_odds=np.asarray(odds, float))


def right(fitted, reviews) -> float:
    return float(((positive_probability(predict_logits(fitted, reviews)) > 0.5) == reviews.labels).mean())


def test_where_the_teacher_says_nothing_the_loss_is_that_of_the_labels():
    labels = torch.tensor([0, 1, 1])
    wanted = torch.stack([labels.float(), UNKNOWN, UNKNOWN], 1)
    loss = taught_loss(OF_LABELS, 0.9, 2.0)
    assert loss(LOGITS, wanted).item() == pytest.approx(cross_entropy(LOGITS, labels).item())
    assert loss(LOGITS, labels).item() == pytest.approx(cross_entropy(LOGITS, labels).item())


def test_the_loss_mixes_label_and_teacher_at_a_temperature_and_is_the_teachers_alone_without_a_label():
    odds, heat, weight = 3.0, 2.0, 0.9
    apart = (LOGITS[:, 1] - LOGITS[:, 0]).double()
    said = 1 / (1 + np.exp(-odds / heat))
    asked = torch.sigmoid(apart / heat)
    of_teacher = heat**2 * -(said * asked.log() + (1 - said) * (1 - asked).log())
    of_label = -torch.sigmoid(-apart).log()  # all negative
    wanted = torch.tensor([[0.0, odds, NAN], [0.0, odds, 1.0], [NAN, odds, 3.0]])
    expected = (1 - weight) * of_label + weight * of_teacher
    expected[2] = of_teacher[2]
    assert taught_loss(OF_LABELS, weight, heat)(LOGITS, wanted).item() == pytest.approx(
        expected.mean().item(), rel=1e-5
    )


def test_a_student_whose_logits_are_the_teachers_has_nothing_more_to_learn_from_it():
    odds = torch.tensor([0.7, -2.0, 4.0])
    logits = torch.stack([-odds / 2, odds / 2], 1).requires_grad_()
    taught_loss(OF_LABELS, 0.9, 4.0)(logits, torch.stack([UNKNOWN, odds, UNKNOWN], 1)).backward()
    assert logits.grad.abs().max() < 1e-6


def test_a_batch_carries_label_soft_label_and_stars_and_nan_for_what_is_not_known(encoder):
    reviews = taught(tiny.reviews(3), [1.5, NAN, -2.0])
    reviews.labels[2], reviews.ratings[2] = UNLABELLED, 3.0
    tokenizer = ReviewTokenizer.from_json((encoder / "tokenizer.json").read_text(), 32, 0.5)
    labels = collate(tokenizer, examples(tokenizer, reviews))["labels"]
    known = tiny.reviews(3).labels
    expected = torch.tensor([[known[0], 1.5, NAN], [known[1], NAN, NAN], [NAN, -2.0, 3.0]])
    torch.testing.assert_close(labels, expected.float(), equal_nan=True)


@pytest.mark.parametrize(("family", "epochs"), [("encoder", 1.0), ("gru", 2.0), ("lora", 4.0)])
def test_a_student_of_a_good_teacher_is_better_than_one_of_noisy_labels(family, epochs, encoder, tmp_path):
    clean, noise = tiny.reviews(400), np.random.default_rng(3).random(400) < 0.42
    noisy = clean.take(np.arange(400))
    noisy.labels[noise] ^= 1
    validation, test = tiny.reviews(60, seed=1), tiny.reviews(300, seed=2)
    config = tiny.config(encoder, family, evaluations=1, epochs=epochs)
    alone = fit(config, noisy, validation, tmp_path / "alone", Settings())
    odds = np.where(clean.labels == 1, 2.5, -2.5)
    student = config.model_copy(update={"teacher": "here"})
    learnt = fit(student, taught(noisy, odds), validation, tmp_path / "taught", Settings())
    assert right(learnt, test) > right(alone, test) + 0.03
    assert right(learnt, test) > 0.9


def test_the_same_seed_gives_the_same_student(encoder, tmp_path):
    config = tiny.config(encoder, evaluations=1, teacher="here")
    reviews = taught(tiny.reviews(160), np.linspace(-3, 3, 160))
    first, second = (
        predict_logits(fit(config, reviews, tiny.reviews(60, seed=1), tmp_path / name, Settings()), tiny.reviews(50))
        for name in ("first", "second")
    )
    assert np.array_equal(first, second)


def test_reviews_without_a_label_are_learnt_from_the_teacher_alone(encoder, tmp_path):
    known, asked = tiny.reviews(20), tiny.reviews(300, seed=3)
    odds = np.concatenate([np.full(20, NAN), np.where(asked.labels == 1, 4.0, -4.0)])
    asked.labels[:] = UNLABELLED
    config = tiny.config(encoder, evaluations=1)
    validation, test = tiny.reviews(60, seed=1), tiny.reviews(200, seed=2)
    student = config.model_copy(update={"teacher": "here"})
    learnt = fit(student, taught(known.and_then(asked), odds), validation, tmp_path / "taught", Settings())
    alone = fit(config, known, validation, tmp_path / "alone", Settings())
    assert right(learnt, test) > max(0.9, right(alone, test))


def test_what_a_student_learns_from_are_its_reviews_and_those_that_the_teacher_alone_knows(deployment, tmp_path):
    labelled, unknown = of_training(100), tiny.reviews(THREE_STARS, seed=50).keys[:7]
    config = TrainRequest(family="gru", snapshot=SNAPSHOT, teacher=table(tmp_path / "t.parquet", labelled + unknown))
    train = tiny.reviews(200)
    found = lessons(config, train, a_context(deployment))
    assert found.keys == train.keys + unknown
    assert counts(config, found) == {"taught_reviews": 100, "unlabelled_reviews": 7}
    assert np.isnan(found.log_odds[100:200]).all()
    assert list(found.labels[200:]) == [UNLABELLED] * 7
    assert list(found.ratings[200:]) == [3.0] * 7
    assert lessons(config.model_copy(update={"teacher": ""}), train, a_context(deployment)) is train


def test_a_teacher_that_speaks_of_none_of_the_reviews_that_are_drawn_teaches_nobody(deployment, tmp_path):
    file = table(tmp_path / "t.parquet", of_training(150))
    config = TrainConfig(snapshot=SNAPSHOT, teacher=file, seed=18)
    with pytest.raises(
        ContractError, match=r"a soft label for none of the 50 training reviews that seed 18 draws: train"
    ):
        lessons(config, tiny.reviews(50, seed=99), a_context(deployment))


def test_taught_reviews_go_to_other_processes_and_come_back(encoder, tmp_path):
    reviews = taught(tiny.reviews(30), [*np.linspace(-3, 3, 29), NAN])
    job = Job(tmp_path)
    job.write(tiny.config(encoder), reviews, tiny.reviews(10, seed=1))
    _, back, validation = job.read()
    assert np.array_equal(back.wanted, reviews.wanted, equal_nan=True)
    assert not isinstance(validation, TaughtReviews)


def test_a_training_does_not_go_on_under_another_teacher(encoder, tmp_path):
    config, train = tiny.config(encoder, teacher="here"), tiny.reviews(20)
    claim(tmp_path, config, taught(train, np.ones(20)), train)
    claim(tmp_path, config, taught(train, np.ones(20)), train)
    with pytest.raises(ContractError, match="another training"):
        claim(tmp_path, config, taught(train, np.zeros(20)), train)


@pytest.mark.slow
@pytest.mark.parametrize("several", [{"stages": 2}, {"processes": 2, "batch_size": 8}])
def test_a_student_is_taught_in_several_processes_as_in_one(several, encoder, tmp_path):
    clean, validation = tiny.reviews(300), tiny.reviews(60, seed=1)
    reviews = taught(clean, np.where(clean.labels == 1, 3.0, -3.0))
    config = tiny.config(encoder, "gru", evaluations=1, teacher="here", teacher_weight=1.0, **several)
    fitted = fit(config, reviews, validation, tmp_path, Settings(spark_master="local[2]"))
    assert right(fitted, tiny.reviews(200, seed=2)) > 0.8


def test_the_run_of_a_student_names_its_teacher_and_counts_what_it_was_taught(deployment, encoder, tmp_path):
    unknown = tiny.reviews(THREE_STARS, seed=50).keys[:9]
    file = table(tmp_path / "t.parquet", of_training(150) + unknown)
    config = tiny.config(encoder, "encoder", snapshot=SNAPSHOT, evaluations=1, train_reviews=200, teacher=file)
    result = TRAIN.run(TrainRequest(**config.model_dump()), a_context(deployment))
    assert "the teacher has a soft label for 150 of them, and for 9 reviews without a star label" in result.note
    run = mlflow.get_run(result.run_id)
    assert (run.data.params["teacher"], run.data.params["teacher_temperature"]) == (file, "2.0")
    assert (run.data.metrics["taught_reviews"], run.data.metrics["unlabelled_reviews"]) == (150, 9)
    assert (run.data.metrics["train_reviews_used"], result.train_reviews) == (200, 200)
    assert run.info.run_name.endswith("-encoder-200-taught")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"family": "linear"}, "the linear family learns from labels alone"),
        ({"imbalance": "class_weights"}, "class_weights would bend what the teacher says"),
        ({"folds": 3}, "the teacher knows the labels of every fold"),
    ],
)
def test_what_does_not_go_with_a_teacher_is_refused(given, sentence):
    with pytest.raises(ValidationError, match=sentence):
        TrainRequest(teacher="t.parquet", **given)


def refused(deployment, monkeypatch, capsys, teacher) -> str:
    """Return what the command line says of a teacher."""
    use_home(deployment.home, monkeypatch)
    assert cli.main(["train", "--family", "gru", "--snapshot", SNAPSHOT, "--teacher", teacher]) == 1
    return capsys.readouterr().err


def columns(path, keys, odds) -> str:
    """Write a table as another program may have."""
    parquet.write_table(pa.table({"review_key": keys, "log_odds": odds}), path)
    return str(path)


def test_a_teacher_that_is_nowhere_or_no_table_is_refused(deployment, monkeypatch, capsys, tmp_path):
    text, other = tmp_path / "notes.parquet", tmp_path / "other.parquet"
    text.write_text("no table")
    parquet.write_table(pa.table({"review_key": ["0-1"], "positive": [0.3]}), other)
    for teacher, sentence in {
        str(tmp_path / "gone.parquet"): "is no file that is there, and no id of a run",
        "champion": "the teacher champion is no file that is there",
        str(text): "is no Parquet file that can be read",
        str(other): "has no column log_odds: it is no table of soft labels",
        table(tmp_path / "twice.parquet", ["0-1", "0-1"]): "has two rows of one review_key",
        table(tmp_path / "nan.parquet", ["0-1"], [NAN]): "has log_odds that are no finite numbers",
        columns(tmp_path / "numbers.parquet", [1], [0.3]): "has review_key of the type int64; write them as text",
        columns(tmp_path / "words.parquet", ["0-1"], ["x"]): "has log_odds of the type string; write them as numbers",
        columns(tmp_path / "truths.parquet", ["0-1"], [True]): "has log_odds of the type bool; write them as numbers",
        columns(tmp_path / "nulls.parquet", ["0-1", None], [0.3, 0.4]): "has 1 rows without a review_key",
        columns(tmp_path / "empty.parquet", [], [0.3][:0]): "has review_key of the type null",
        str(tmp_path): "is a folder; name the Parquet file in it",
    }.items():
        assert sentence in refused(deployment, monkeypatch, capsys, teacher)


def test_a_table_that_was_not_fetched_to_its_end_is_fetched_again(deployment, monkeypatch, tmp_path):
    client = mlflow.MlflowClient(deployment.tracking_uri)
    run_id = client.create_run(client.create_experiment("fetched", str(tmp_path / "artifacts"))).info.run_id
    client.log_artifact(run_id, table(tmp_path / TABLE, ["0-1"]))

    def torn(self, run_id, name, destination):
        (destination / name).write_bytes(b"PAR1")
        raise OSError("the connection broke off")

    with monkeypatch.context() as patch:
        patch.setattr(Registry, "download", torn)
        with pytest.raises(OSError, match="broke off"):
            table_of(run_id, deployment)
    assert read_table(table_of(run_id, deployment)).keys == ["0-1"]
    assert [file.name for file in folder_of(deployment, run_id).iterdir()] == [TABLE]


def test_a_run_that_made_no_soft_labels_is_refused(deployment, monkeypatch, capsys, encoder):
    client = mlflow.MlflowClient(deployment.tracking_uri)
    training = client.create_run(client.create_experiment("other")).info.run_id
    said = refused(deployment, monkeypatch, capsys, training)
    assert f"has made no soft labels; make them with `sentiment soft-labels --model {training}`" in said
    assert "MLflow has no run" in refused(deployment, monkeypatch, capsys, "0" * 32)


def test_a_table_of_another_snapshot_or_of_reviews_that_judge_is_refused(deployment, monkeypatch, capsys, tmp_path):
    of_other = table(tmp_path / "other.parquet", tiny.reviews(50, seed=10).keys)
    said = refused(deployment, monkeypatch, capsys, of_other)
    assert f"labels no training review of snapshot {SNAPSHOT}" in said
    of_test = table(tmp_path / "test.parquet", of_training(50) + tiny.reviews(SIZES["test"], seed=2).keys[:3])
    said = refused(deployment, monkeypatch, capsys, of_test)
    assert f"labels 3 reviews by which snapshot {SNAPSHOT} validates and tests" in said
