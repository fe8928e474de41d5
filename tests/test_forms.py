"""Trigger forms and run configurations come from the configuration classes, and say what is wrong with them."""

import inspect
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException

from conftest import without_server
from sentiment.core.settings import PROJECT
from sentiment.datasets.config import SnapshotConfig
from sentiment.datasets.verbs import SNAPSHOT
from sentiment.ingest.config import ImportHistoryConfig, IngestConfig
from sentiment.ingest.verbs import IMPORT_HISTORY, INGEST
from sentiment.promotion.config import CompareConfig, PromoteConfig
from sentiment.promotion.verbs import COMPARE, PROMOTE
from sentiment.scoring.config import RescoreConfig, ScoreConfig
from sentiment.scoring.verbs import RESCORE, SCORE
from sentiment.training.config.presets import PRESETS
from sentiment.training.config.train import TrainConfig
from sentiment.training.verbs import TRAIN
from sentiment.tuning.config import TuneConfig
from sentiment.tuning.verbs import OPEN_STUDY
from sentiment.verbs import verbs
from sentiment.views.verbs import REPORT
from sentiment_airflow.forms import belongs, form
from sentiment_airflow.run_inputs import NO_DAY, run_config, run_day
from sentiment_airflow.training import CANDIDATES, candidates

OF_PRESETS = {name for settings in PRESETS.values() for name in settings}


def context(params: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"params": params, **more}


@pytest.mark.parametrize("verb", verbs().values(), ids=repr)
def test_every_field_becomes_a_described_form_field_whose_default_is_valid_and_is_the_configurations_own(verb):
    config, fields = verb.config, form(verb)
    assert set(fields) == set(config.model_fields)
    for name, info in config.model_fields.items():
        param = fields[name]
        assert param.description.startswith(info.description)
        assert param.schema.get("title") == info.title
        if info.is_required() and name != "day":
            assert not param.has_value
        else:
            expected = None if name == "day" else json.loads(json.dumps(info.default, default=str))
            left_open = "preset" in config.model_fields and name in OF_PRESETS
            assert param.resolve() == (None if expected == "" or left_open else expected)


@pytest.mark.parametrize("verb", verbs().values(), ids=repr)
def test_what_must_be_given_comes_first_then_what_people_change_then_the_closed_sections(verb):
    fields = verb.config.model_fields
    ranks = [("section" in param.schema, not fields[name].is_required()) for name, param in form(verb).items()]
    assert ranks == sorted(ranks)


def test_a_text_that_may_be_empty_is_nullable_for_airflow_takes_an_empty_one_for_missing():
    source = form(SNAPSHOT)["source"]
    assert source.schema["type"] == ["string", "null"]
    assert source.resolve() is None


@pytest.mark.parametrize("verb", verbs().values(), ids=repr)
def test_a_list_that_was_emptied_again_which_airflow_sends_as_null_may_be_sent_where_it_may_be_empty(verb):
    for param in form(verb).values():
        kind = param.schema["type"]
        if "array" in (kind if isinstance(kind, list) else [kind]) and "minItems" not in param.schema:
            assert param.resolve(None) is None
            assert kind[0] == "array"  # of which the form makes its element
    assert run_config(PromoteConfig, context({"versions": None}), {}) == PromoteConfig()


def test_a_form_field_takes_its_type_its_choices_and_its_limits_from_the_class():
    fields = form(TRAIN)
    # A published setting may say it, so that it may be left open.
    assert fields["family"].schema["enum"] == ["linear", "encoder", "lora", "bilstm", "lstm", "gru", None]
    assert fields["epochs"].schema["type"] == ["number", "null"]
    assert fields["seed"].schema["type"] == "integer"
    assert fields["snapshot"].schema["type"] == ["string", "null"]
    assert form(INGEST)["lower_case"].schema["type"] == "boolean"
    with pytest.raises(ValueError, match="101"):
        form(REPORT)["days"].resolve("101")
    with pytest.raises(ValueError, match="99"):
        fields["train_reviews"].resolve(99)
    with pytest.raises(ValueError, match="forest"):
        fields["family"].resolve("forest")


def test_the_day_of_a_form_is_a_date_and_may_stay_empty():
    day = form(SCORE)["day"]
    assert day.schema["type"] == ["string", "null"]
    assert day.schema["format"] == "date"
    assert day.resolve() is None
    assert day.resolve("2024-06-29") == "2024-06-29"
    with pytest.raises(ValueError, match=r"29\.06\.2024"):
        day.resolve("29.06.2024")


def test_a_required_field_of_a_form_must_be_filled_in():
    first = form(RESCORE)["from_day"]
    assert first.schema["format"] == "date"
    with pytest.raises((TypeError, ValueError)):
        Param.resolve(first)


def test_fields_can_be_left_out_and_verbs_joined_in_one_form():
    fields = form(SNAPSHOT, PROMOTE, without=("versions",))
    assert set(fields) == {*SnapshotConfig.model_fields, *PromoteConfig.model_fields} - {"versions"}


def test_values_of_the_task_win_over_the_form_and_the_form_over_the_defaults():
    params = {"model": "2", "from_day": "2024-06-01", "to_day": "2024-06-02", "of_another_form": 1}
    made = run_config(RescoreConfig, context(params), {})
    assert (made.model, made.from_day) == ("2", date(2024, 6, 1))
    assert run_config(RescoreConfig, context(params), {"model": "3"}).model == "3"
    assert run_config(RescoreConfig, context({**params, "model": None}), {}).model == "champion"
    assert run_config(RescoreConfig, context({**params, "model": ""}), {}).model == "champion"


def test_a_range_without_its_last_day_is_its_first_day_alone():
    made = run_config(RescoreConfig, context({"from_day": "2024-06-01", "to_day": None}), {})
    assert made.every_day() == [date(2024, 6, 1)]


@pytest.mark.parametrize("verb", [OPEN_STUDY, PROMOTE, SNAPSHOT, TRAIN], ids=repr)
def test_a_list_of_a_form_that_was_emptied_is_empty_whatever_it_holds_by_default(verb):
    for name, field in form(verb).items():
        if field.schema.get("type") == ["array", "null"]:
            assert getattr(run_config(verb.config, context({name: field.resolve(None)}), {}), name) == ()


def test_a_search_of_a_linear_model_takes_an_emptied_list_of_batch_sizes():
    assert TuneConfig(family="linear", batch_sizes=()).choices == {}


def test_a_list_that_a_template_wrote_as_text_is_read():
    assert run_config(PromoteConfig, context({"tolerance": 0.1}), {"versions": "[3, 4]"}).versions == (3, 4)


def test_tasks_that_left_nothing_give_no_list_that_means_everything():
    with pytest.raises(AirflowFailException, match="the tasks before this one left no versions: clear the one that"):
        run_config(PromoteConfig, context({}), {"versions": "[]"})


@pytest.mark.parametrize("verb", verbs().values(), ids=repr)
def test_an_enter_behind_the_last_line_of_a_list_is_a_value_of_the_form_and_no_member(verb):
    for param in form(verb).values():
        items = param.schema.get("items", {})
        if items.get("type") == "string":
            line = items["enum"][0] if "enum" in items else "text=body"
            assert param.resolve([line, ""]) == [line, ""]
    made = run_config(
        ImportHistoryConfig, context({"source": "x", "dataset": "lake", "columns": ["text=body", ""]}), {}
    )
    assert made.columns == ("text=body",)


def test_a_zero_and_a_false_of_the_form_are_values_and_not_empty_fields():
    made = run_config(IngestConfig, context({"day": "2024-06-29", "max_bad_share": 0, "lower_case": False}), {})
    assert made.max_bad_share == 0
    assert made.lower_case is False


class Run:
    """A run of a type, with the configuration that it was triggered with."""

    def __init__(self, run_type: str = "manual", conf: dict[str, Any] | None = None) -> None:
        self.run_type, self.conf = run_type, conf


class OfDag:
    params = ParamsDict({"day": None, "model": "champion", "reuse": True})


@pytest.mark.parametrize("kind", ["scheduled", "backfill"])
def test_the_date_of_a_scheduled_or_backfilled_run_decides_and_a_day_beside_it_is_refused(kind):
    run = Run(kind)
    assert run_day(context({"day": None}, ds="2024-06-29", dag_run=run)) == "2024-06-29"
    with pytest.raises(AirflowFailException, match=f"was given to a {kind} run of 2024-06-29, whose own date decides"):
        run_day(context({"day": "2024-06-17"}, ds="2024-06-29", dag_run=run))


def test_a_run_by_hand_of_a_day_that_has_not_ended_is_told_to_fill_in_the_day():
    today = str(datetime.now(UTC).date())
    with pytest.raises(AirflowFailException, match="fill in `day`"):
        run_day(context({"day": None}, ds=today, dag_run=Run()))
    assert run_day(context({"day": "2024-06-17"}, ds=today, dag_run=Run())) == "2024-06-17"


@pytest.mark.parametrize("ahead", [0, 30_000])
def test_a_given_day_that_has_not_ended_is_refused_at_once_as_the_logical_date_is(ahead):
    day = datetime.now(UTC).date() + timedelta(ahead)
    with pytest.raises(AirflowFailException, match=f"of {day}, the `day` that it was given, and that day has not"):
        run_day(context({"day": str(day)}, ds="2024-06-29", dag_run=Run()))


def test_a_refusal_is_told_in_its_own_words():
    with pytest.raises(AirflowFailException) as error:
        run_config(RescoreConfig, context({"from_day": "2024-06-02", "to_day": "2024-06-01"}), {})
    assert "the form: from_day 2024-06-02 lies after" in str(error.value)
    assert "Value error" not in str(error.value)


@pytest.mark.parametrize("verb", [IMPORT_HISTORY, SNAPSHOT], ids=repr)
def test_a_place_that_no_command_line_would_take_is_refused_by_the_form_and_by_the_verb(verb):
    with pytest.raises(AirflowFailException, match="source: String should have at most 4096 characters"):
        run_config(verb.config, context({"dataset": "imdb", "source": "x" * 2**20}), {})
    assert form(verb)["source"].schema["maxLength"] == 4096


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (
            "modle",
            r"'modle' \(did you mean 'model'\?\), 'reuze' \(did you mean 'reuse'\?\); this DAG knows day, model, reuse",
        ),
        ("Model", r"'Model' \(did you mean 'model'\?\)"),
        ("x", "'x', 'reuze'"),
    ],
)
def test_keys_that_nobody_knows_are_refused_at_once_with_the_nearest_ones(key, sentence):
    run = Run(conf={key: "99", "reuze": False})
    for asked in (
        lambda: run_day(context({"day": "2024-06-17", key: "99"}, dag=OfDag, dag_run=run)),
        lambda: run_config(ScoreConfig, context({"day": "2024-06-17", key: "99"}, dag=OfDag, dag_run=run), {}),
    ):
        with pytest.raises(AirflowFailException, match=sentence):
            asked()


def test_the_day_is_the_forms_and_otherwise_the_logical_dates():
    assert run_day(context({"day": "2024-06-28"}, ds="2024-06-29")) == "2024-06-28"
    assert run_day(context({"day": None}, ds="2024-06-29")) == "2024-06-29"
    assert run_config(ScoreConfig, context({}, ds="2024-06-29"), {}).day == date(2024, 6, 29)


@pytest.mark.parametrize(
    ("chosen", "whole"),
    [
        (datetime(2024, 6, 24, tzinfo=UTC), True),
        # Midnight, half past midnight and the evening of the 24th, of which only one is on that day in UTC.
        (datetime(2024, 6, 24, tzinfo=ZoneInfo("Europe/Berlin")), False),
        (datetime(2024, 6, 24, 0, 30, tzinfo=UTC), False),
        (datetime(2024, 6, 24, 18, tzinfo=ZoneInfo("America/Los_Angeles")), False),
    ],
)
def test_a_logical_date_that_may_be_of_another_day_where_it_was_chosen_is_refused(chosen, whole):
    of_run = {"ds": f"{chosen.astimezone(UTC):%Y-%m-%d}", "logical_date": chosen, "dag_run": Run()}
    assert run_day(context({"day": "2024-06-17"}, **of_run)) == "2024-06-17"
    if whole:
        assert run_day(context({"day": None}, **of_run)) == "2024-06-24"
        return
    with pytest.raises(AirflowFailException, match=r"is not the beginning of a day.*fill in `day`"):
        run_day(context({"day": None}, **of_run))


def test_a_run_without_day_and_logical_date_is_told_to_fill_in_the_day():
    with pytest.raises(AirflowFailException, match="fill in `day`") as failure:
        run_config(ScoreConfig, context({"day": None}), {})
    assert str(failure.value) == NO_DAY


@pytest.mark.parametrize(
    ("config", "params", "sentence"),
    [
        (ScoreConfig, {"day": "29.06.2024"}, "day: Input should be a valid date"),
        (RescoreConfig, {"from_day": "2024-06-02", "to_day": "2024-06-01"}, "lies after to_day 2024-06-01; swap"),
        (ScoreConfig, {"day": "2024-06-29", "model": "best"}, "give 'champion', 'champion_at_date' or a version"),
        (RescoreConfig, {"to_day": "2024-06-01"}, "from_day: Field required"),
    ],
)
def test_a_refused_configuration_fails_at_once_and_names_the_field(config, params, sentence):
    with pytest.raises(AirflowFailException, match="the run's configuration is refused") as failure:
        run_config(config, context(params), {})
    assert sentence in str(failure.value)


def test_in_a_form_as_on_the_command_line_what_is_given_wins_over_a_preset_and_what_is_not_does_not():
    untouched = {name: param.resolve() for name, param in form(TRAIN).items()}
    of_form = {**untouched, "preset": "lora-polarity", "epochs": TrainConfig.model_fields["epochs"].default}
    made = run_config(TrainConfig, context(of_form), {})
    assert (made.family, made.learning_rate, made.epochs) == ("lora", 5e-4, 1.0)
    assert made == TrainConfig(preset="lora-polarity", epochs=1.0)
    assert run_config(TrainConfig, context(untouched), {}) == TrainConfig()


def test_a_field_that_two_verbs_share_must_be_said_to_be_shared():
    with pytest.raises(ValueError, match="is a field of CompareConfig and of PromoteConfig"):
        form(COMPARE, PROMOTE)
    assert "significance" in form(COMPARE, PROMOTE, shared=("significance", "margin"))


def test_a_verb_takes_the_fields_of_a_form_that_were_made_of_its_class_and_no_others_of_that_name():
    for asked, significance in (((PROMOTE,), 0.05), ((COMPARE, PROMOTE), 0.01)):

        class OfForm:
            params = ParamsDict(form(*asked, without=("runs",), shared=("significance", "margin")))

        run = context({"significance": 0.01}, dag=OfForm)
        assert run_config(PromoteConfig, run, {}).significance == 0.01
        assert run_config(CompareConfig, run, {"runs": ["a"]}).significance == significance


@pytest.mark.parametrize("file", sorted((PROJECT / "dags").glob("*.py")), ids=lambda file: file.stem)
def test_a_form_opens_with_eight_fields_at_most_and_the_others_stand_in_closed_sections(file):
    (dag,) = DagBag(str(file)).dags.values()
    opened = [name for name in dag.params if "section" not in dag.params.get_param(name).schema]
    assert len(opened) <= 8


# What the snapshot's task returns.
PINNED = {
    **{"snapshot": "s", "dataset": "lake", "bad_rows": 0, "splits": {}},
    **dict.fromkeys(("reviews_version", "from_day", "to_day", "cutoff")),
}


# As the form opens; a run of the DAG in this process leaves what it was asked for in the fields.
OPENED = {name: param.value for name, param in CANDIDATES.items()}


def test_an_export_that_would_be_refused_after_the_trainings_is_refused_before_them():
    with pytest.raises(AirflowFailException, match="the export is refused: the form: give either review_error or"):
        trainings(review_error=0.02, review_share=0.1)
    assert trainings(review_error=0.02)
    assert trainings(engines=["onnxruntime-fp32", ""]) == trainings(engines=None)


def trainings(**params: Any) -> list[dict[str, Any]]:
    """Return what train_models would train, of a form in which these fields were changed."""
    return inspect.unwrap(candidates.function)(PINNED, OPENED | params)


def test_the_plain_fields_are_one_or_two_models_and_a_linear_one_has_no_epochs():
    linear = {"family": "linear", "train_reviews": 100_000, "snapshot": "s", "seed": 17}
    encoder = {"family": "encoder", "train_reviews": 12_000, "epochs": 3.0, "snapshot": "s", "seed": 17}
    assert trainings(neural_epochs=3.0) == [linear, encoder]
    assert trainings(second_family=None) == [linear]
    assert [one["seed"] for one in trainings(second_family=None, seeds=3)] == [17, 18, 19]


def test_the_list_for_experts_replaces_the_plain_fields():
    assert trainings(candidates=[{"family": "gru"}], neural_epochs=3.0) == [
        {"family": "gru", "snapshot": "s", "seed": 17}
    ]
    # Airflow's form opens it as [].
    assert CANDIDATES["candidates"].resolve([]) == []
    assert trainings(candidates=[]) == trainings()
    # No field of the form is one of a training's by accident.
    assert not any(belongs(field, TrainConfig) for field in CANDIDATES.values())


NOT_THERE = "0123456789ab"


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"family": "linear", "processes": 2}, "the form: the linear family trains in one process"),
        ({"family": "gru", "epochs": -1}, "epochs: Input should be greater than 0"),
        ({"family": "encoder", "warm_start": "7"}, "'7' is no id of a run"),
        ({"family": "gru", "snapshot": NOT_THERE}, f"there is no snapshot {NOT_THERE}"),
        ({"family": "gru", "mixed_snapshots": [NOT_THERE], "mixed_share": 0.1}, f"there is no snapshot {NOT_THERE}"),
        ({"family": "gru", "mixed_snapshots": ["s"], "mixed_share": 0.1}, "the form: snapshot s is what is trained on"),
        ({"family": "gru", "teacher": "8" * 32}, f"MLflow has no run '{'8' * 32}'"),
        ({"preset": "lora-polarity", "stages": 2}, "the form: only .* can be divided into stages"),
    ],
)
def test_a_model_of_the_list_that_cannot_be_trained_is_refused_before_the_first_is(home, monkeypatch, asked, sentence):
    monkeypatch.setenv("SENTIMENT_MLFLOW_URI", without_server(home))
    with pytest.raises(AirflowFailException, match=f"model 2 is refused: {sentence}"):
        trainings(candidates=[{"family": "linear"}, asked])


def test_a_preset_of_the_list_is_left_to_its_training_which_fills_it_in():
    (found,) = trainings(candidates=[{"preset": "lora-polarity"}])
    assert found == {"preset": "lora-polarity", "family": "lora", "snapshot": "s", "seed": 17}


def test_a_candidate_may_name_its_repetitions_and_what_every_seed_gives_alike_is_trained_once():
    found = trainings(candidates=[{"family": "gru", "seeds": 3.0, "seed": 40.0}, {"family": "lstm"}], seeds=2.0)
    assert [(one["family"], one["seed"]) for one in found] == [
        *(("gru", 40), ("gru", 41), ("gru", 42)),
        *(("lstm", 17), ("lstm", 18)),
    ]
    assert not any("seeds" in one for one in found)
    part = {"reviews": 900, "negative": 100, "positive": 800, "positive_share": 0.9}
    params = {"candidates": [{"family": "linear", "train_reviews": reviews} for reviews in (899, 900)], "seeds": 2}
    params["candidates"].append({"family": "linear", "train_reviews": 900, "imbalance": "smote"})
    found = inspect.unwrap(candidates.function)({**PINNED, "splits": {"train": part}}, params)
    assert [(one["train_reviews"], one["seed"]) for one in found] == [
        (899, 17),
        (899, 18),
        (900, 17),
        (900, 17),
        (900, 18),
    ]


@pytest.mark.parametrize("differ", [{"test_reviews": 500}, {"snapshot": NOT_THERE}], ids=["reviews", "snapshot"])
def test_models_that_would_be_tested_on_different_reviews_are_refused_before_the_first_is_trained(monkeypatch, differ):
    monkeypatch.setattr("sentiment_airflow.training.require_snapshots", lambda *_: None)
    with pytest.raises(AirflowFailException, match=r"1 on 4,000 of snapshot s; model 2 on .* runs of their own"):
        trainings(candidates=[{"family": "linear"}, {"family": "gru", **differ}])


def test_models_that_are_tested_on_all_there_are_may_ask_for_different_numbers():
    split = {"reviews": 900, "negative": 100, "positive": 800, "positive_share": 0.9}
    asked = [{"family": "gru", "test_reviews": reviews} for reviews in (4_000, 5_000, 900)]
    whole = {**PINNED, "splits": {"train": split, "test": split}}
    assert len(inspect.unwrap(candidates.function)(whole, OPENED | {"candidates": asked})) == 3
    asked[0]["test_reviews"] = 899
    with pytest.raises(AirflowFailException, match="model 1 on 899 of snapshot s; model 2 on 900"):
        inspect.unwrap(candidates.function)(whole, OPENED | {"candidates": asked})


def test_every_repetition_starts_from_the_run_that_the_champion_was_when_they_began(monkeypatch):
    run = "8" * 32
    named = lambda config, _: config.model_copy(update={"warm_start": config.warm_start and run})  # noqa: E731
    monkeypatch.setattr("sentiment.training.warm_start.begun_from", named)
    found = trainings(candidates=[{"family": "encoder", "warm_start": "champion"}, {"family": "gru"}], seeds=2)
    assert [one.get("warm_start") for one in found] == [run, run, None, None]
