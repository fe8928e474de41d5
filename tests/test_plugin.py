"""What the platform adds to Airflow's UI, and where its links lead."""

import json
import sqlite3
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy
from airflow.api_fastapi.core_api.datamodels.plugins import ExternalViewResponse
from airflow.exceptions import AirflowException
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import TaskInstanceState
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import OutletEventAccessors
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.serialization.serialized_objects import OperatorSerialization
from jinja2 import Template
from jinja2.sandbox import SandboxedEnvironment
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.datasets.verbs import SNAPSHOT
from sentiment.export.verbs import EXPORT
from sentiment.ingest.verbs import INGEST
from sentiment.promotion.verbs import PROMOTE, PromoteResult
from sentiment.scoring.verbs import RESOLVE_MODEL, SCORE
from sentiment.stores.registry.pages import server_address
from sentiment.training.results import TrainResult
from sentiment.training.verbs import TRAIN
from sentiment.verbs import verbs
from sentiment_airflow import notes
from sentiment_airflow.assets import REVIEWS
from sentiment_airflow.links import ModelVersionLink, ReportLink, TrainingRunLink
from sentiment_airflow.notes import NOTE_KEY
from sentiment_airflow.operators import SparkVerbOperator, VerbOperator, run, run_each
from sentiment_airflow.templates import field_of, fields_of, given, own
from sentiment_plugin import SentimentPlugin

SERVER = "http://mlflow.example:5000"

FIGURES = {"accuracy": 0.9, "macro_f1": 0.8}
TRAINED = {
    **{"run_id": "abc", "family": "linear", "snapshot": "s", "train_reviews": 100, "test_reviews": 50, "seconds": 1.0},
    **FIGURES,
    **{f"{name}_interval": [0.7, 0.9] for name in FIGURES},
}
# Every figure that an export returns, now and later.
_FIGURES_OF_EXPORT = [name for name, field in EXPORT.result.model_fields.items() if field.annotation is float]
EXPORTED = {
    **dict.fromkeys(_FIGURES_OF_EXPORT, 0.1),
    "test_confident_reviews": 10,
    "confidence": [],
    "languages": ["en"],
    **{"version": 3, "run_id": "abc", "family": "linear", **FIGURES},
    "bundle": {},
}
PROMOTED = {"promoted": True, "champion": 3, "previous": 1, "reason": "it is better", "candidates": []}
RESOLVED = {"model": "3", "versions": [3], "pinned": "3@0123456789abcdef"}


class FakeTaskInstance:
    """A task instance whose task gave a result."""

    task_id, map_index = "promote", 2

    def __init__(self, result, state=TaskInstanceState.SUCCESS):
        self.result, self.state = result, state

    def xcom_pull(self, *, task_ids, map_indexes):
        assert (task_ids, map_indexes) == (self.task_id, self.map_index)
        return self.result


def link(kind, verb, result):
    return kind().get_link(VerbOperator(task_id="promote", verb=verb), ti_key=FakeTaskInstance(result))


def views():
    return SentimentPlugin().external_views


@pytest.fixture
def server(home, monkeypatch):
    monkeypatch.setenv("SENTIMENT_MLFLOW_URI", SERVER)


def test_mlflow_stands_in_the_navigation_where_there_is_a_server(server):
    (view,) = views()
    shown = ExternalViewResponse.model_validate(view)
    assert (shown.name, shown.href, shown.destination, shown.nav_top_level) == ("MLflow", SERVER, "nav", True)
    # With a route Airflow would show it in a frame, which MLflow refuses.
    assert shown.url_route is None


def answer_to(host: str) -> int:
    """What the server answers to a request under a name: its own answer is 200."""
    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("here"))])
    for one in SentimentPlugin().fastapi_root_middlewares:
        app.add_middleware(one["middleware"], *one["args"], **one["kwargs"])
    return TestClient(app).get("/", headers={"host": host}).status_code


@pytest.mark.parametrize("names", ["airflow.example,*.shop.example", "airflow.example:8080, *.shop.example:*"])
def test_the_server_answers_under_the_names_that_were_given_on_whatever_port(home, monkeypatch, names):
    monkeypatch.setenv("SENTIMENT_ALLOWED_HOSTS", names)
    hosts = ("airflow.example", "airflow.example:8080", "a.shop.example:443", "evil.example", "api-server:8080")
    assert [answer_to(host) for host in hosts] == [200, 200, 200, 400, 400]


def test_the_server_answers_health_checks_and_tasks_whatever_its_public_name_is(home, monkeypatch):
    monkeypatch.setenv("SENTIMENT_ALLOWED_HOSTS", "airflow.example")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "http://api-server:8080/execution/")
    hosts = ("airflow.example", "127.0.0.1:8080", "localhost:8080", "api-server:8080", "evil.example", "evil")
    assert [answer_to(host) for host in hosts] == [200, 200, 200, 200, 400, 400]


def test_the_hosts_are_checked_also_where_another_setting_is_wrong(home, monkeypatch):
    monkeypatch.setenv("SENTIMENT_ALLOWED_HOSTS", "airflow.example")
    monkeypatch.setenv("SENTIMENT_AIRFLOW_PORT", "none")
    plugin = SentimentPlugin()
    assert (plugin.external_views, len(plugin.timetables)) == ([], 2)
    assert [answer_to(host) for host in ("airflow.example", "evil.example")] == [200, 400]


@pytest.mark.parametrize("name", ["http://airflow.example", "a.*.example", "*example", "airflow.example/x"])
def test_what_is_no_name_of_a_host_ends_the_server_and_names_the_variable(home, monkeypatch, name):
    monkeypatch.setenv("SENTIMENT_ALLOWED_HOSTS", f"localhost,{name}")
    with pytest.raises(ContractError, match=r"SENTIMENT_ALLOWED_HOSTS holds '.*', which is no name of a host"):
        answer_to("localhost")


def test_a_browser_may_reach_mlflow_by_another_address_than_the_tasks(server, monkeypatch):
    monkeypatch.setenv("SENTIMENT_MLFLOW_PUBLIC_URL", "https://mlflow.shop.example/")
    assert [view["href"] for view in views()] == ["https://mlflow.shop.example"]
    assert link(ModelVersionLink, EXPORT, EXPORTED).startswith("https://mlflow.shop.example/#/")


@pytest.mark.parametrize("variable", ["SENTIMENT_MLFLOW_URI", "SENTIMENT_MLFLOW_PUBLIC_URL"])
def test_no_link_bears_the_password_of_mlflows_address(server, monkeypatch, variable):
    monkeypatch.setenv(variable, "https://mlops:S3cret@mlflow.example")
    assert [view["href"] for view in views()] == ["https://mlflow.example"]
    assert link(ModelVersionLink, EXPORT, EXPORTED).startswith("https://mlflow.example/#/models")
    assert server_address(Settings()) == "https://mlflow.example"


def test_where_nothing_is_named_links_lead_to_the_platforms_own_server(home, monkeypatch):
    monkeypatch.delenv("SENTIMENT_MLFLOW_URI")
    monkeypatch.setenv("SENTIMENT_MLFLOW_PORT", "5001")
    assert [view["href"] for view in views()] == ["http://127.0.0.1:5001"]
    assert link(TrainingRunLink, TRAIN, TRAINED) == "http://127.0.0.1:5001/#/runs/abc"


def test_without_a_server_there_is_no_view_and_no_link(home, monkeypatch):
    monkeypatch.setenv("SENTIMENT_MLFLOW_URI", "sqlite:////somewhere/mlflow.db")
    assert views() == []
    assert link(TrainingRunLink, TRAIN, TRAINED) == ""
    assert link(ModelVersionLink, EXPORT, EXPORTED) == ""


def test_the_run_link_leads_to_the_run_whatever_its_experiment(server):
    page = f"{SERVER}/#/experiments/1/runs/abc/artifacts/report.html"
    assert link(ReportLink, TRAIN, {**TRAINED, "report": page}) == page
    assert link(ReportLink, TRAIN, {**TRAINED, "report": "/home/mlflow/artifacts/abc/report.html"}) == ""
    assert link(ReportLink, TRAIN, TRAINED) == ""
    assert link(TrainingRunLink, TRAIN, TRAINED) == f"{SERVER}/#/runs/abc"


@pytest.mark.parametrize(
    ("verb", "result"), [(EXPORT, EXPORTED), (PROMOTE, PROMOTED), (RESOLVE_MODEL, RESOLVED)], ids=repr
)
def test_the_version_link_leads_to_the_version_that_a_result_names(server, verb, result):
    assert link(ModelVersionLink, verb, result) == f"{SERVER}/#/models/review-sentiment/versions/3"


@pytest.mark.parametrize(
    ("verb", "result"),
    [
        *((PROMOTE, result) for result in (None, {}, "text", 5, {**PROMOTED, "champion": None})),
        (RESOLVE_MODEL, {"model": "champion_at_date", "versions": [1, 3], "pinned": "champion_at_date"}),
        (TRAIN, {**TRAINED, "run_id": ""}),
    ],
)
def test_a_result_without_run_and_version_gives_no_link(server, verb, result):
    assert link(TrainingRunLink, verb, result) == ""
    assert link(ModelVersionLink, verb, result) == ""


def test_a_task_that_failed_is_not_asked_for_its_result(server):
    failed = FakeTaskInstance({"run_id": "abc", "version": 3}, TaskInstanceState.FAILED)
    failed.xcom_pull = None
    assert TrainingRunLink().get_link(None, ti_key=failed) == ""
    assert ModelVersionLink().get_link(None, ti_key=failed) == ""


def test_airflow_keeps_the_links_of_an_operator_under_the_keys_from_which_its_ui_reads_them():
    written = OperatorSerialization.serialize(VerbOperator(task_id="promote", verb=PROMOTE))
    read = OperatorSerialization.deserialize(written)
    assert {one.name: one.xcom_key for one in read.operator_extra_links} == {
        "Report": "_link_ReportLink",
        "MLflow run": "_link_TrainingRunLink",
        "Model version": "_link_ModelVersionLink",
    }


def test_airflow_finds_the_plugin_in_its_folder():
    from airflow.plugins_manager import _get_plugins, get_plugin_info

    plugins, errors = _get_plugins()
    assert errors == {}
    assert SentimentPlugin.name in {plugin.name for plugin in plugins}
    (info,) = [info for info in get_plugin_info() if info["name"] == "sentiment"]
    assert len(info["operator_extra_links"]) == 3


def test_a_task_begins_with_what_was_asked_and_ends_with_what_came_of_it(home, capsys):
    promoted = {"promoted": False, "champion": 1, "previous": 1, "reason": "version 2 is worse", "candidates": []}
    result = PromoteResult(**promoted)
    verb = replace(PROMOTE, run=lambda *_: sys.stdout.write("comparing\n") and result)
    task, ti = VerbOperator(task_id="promote", verb=verb), FakeTaskInstance({})
    pushed = {}
    ti.xcom_push = pushed.__setitem__
    context = {"params": {"tolerance": 0.1}, "ti": ti}
    assert task.execute(context) == promoted
    *_, asked, worked, told = capsys.readouterr().out.splitlines()
    assert "promote: macro F1 difference that counts as a tie 0.1" in asked
    assert worked == "comparing"
    assert "Nothing was promoted: version 2 is worse." in told
    # The scheduler makes the run's note of these, and a mapped task's name may read the result.
    assert pushed == {NOTE_KEY: ["Nothing was promoted: version 2 is worse."]}
    assert context["result"] == promoted


def test_a_figure_that_is_no_number_does_not_fail_a_task_that_is_done(home):
    """Airflow's server refuses it, and the work would be done again."""
    figures = {**TRAINED, "accuracy": float("nan")}
    verb = replace(TRAIN, run=lambda *_: TrainResult(**figures))
    task, ti = VerbOperator(task_id="train", verb=verb), FakeTaskInstance({})
    ti.xcom_push = lambda key, value: None
    told = task.execute({"params": {}, "ti": ti})
    assert json.loads(json.dumps(told, allow_nan=False))["accuracy"] is None


HISTORY = [str(date(2010, 1, 1) + timedelta(number)) for number in range(367)]


@pytest.mark.parametrize(
    ("touched", "named"),
    [
        ([], []),
        (["2024-06-28", "2024-06-29"], ["2024-06-28", "2024-06-29"]),
        (HISTORY[:-1], HISTORY[:-1]),
        # More than Airflow's server writes while a task waits.
        (HISTORY, []),
    ],
    ids=["none", "two", "a year", "a history"],
)
def test_the_events_of_an_asset_name_every_day_that_was_written_but_not_those_of_a_long_history(
    home, monkeypatch, touched, named
):
    given = {
        "day": "2024-06-29",
        "touched": touched,
        "reasons": {},
        "schemas": {},
        "times": {},
        "passed_over_names": [],
    }
    counts = dict.fromkeys(set(INGEST.result.model_fields) - set(given), 3)

    def submit(self, context):
        Path(self.application_args[-1]).write_text(json.dumps({**given, **counts}))

    monkeypatch.setattr(SparkSubmitOperator, "execute", submit)
    task = SparkVerbOperator(task_id="ingest", verb=INGEST, outlets=[REVIEWS])
    ti, events = FakeTaskInstance({}), OutletEventAccessors()
    ti.xcom_push = lambda key, value: None
    task.execute({"params": {"day": "2024-06-29"}, "ti": ti, "outlet_events": events})
    assert sorted(events[REVIEWS].partition_keys) == named


@pytest.mark.parametrize(
    ("address", "master"),
    [
        ({"host": "sail[2]"}, "sail[2]"),
        ({"host": "sc://spark", "port": 15002}, "sc://spark:15002"),
    ],
)
def test_what_speaks_spark_connect_is_asked_from_the_tasks_own_process(home, monkeypatch, address, master):
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps({"conn_type": "spark", **address}))
    given = {
        "day": "2024-06-29",
        "touched": ["2024-06-29"],
        "reasons": {},
        "schemas": {},
        "times": {},
        "passed_over_names": [],
    }
    result = INGEST.result(**given, **dict.fromkeys(set(INGEST.result.model_fields) - set(given), 3))
    masters = []
    verb = replace(INGEST, run=lambda config, context: masters.append(context.settings.spark_master) or result)
    task, ti, events = SparkVerbOperator(task_id="ingest", verb=verb, outlets=[REVIEWS]), FakeTaskInstance({}), {}
    events[REVIEWS] = OutletEventAccessors()[REVIEWS]
    ti.xcom_push = lambda key, value: None
    told = task.execute({"params": {"day": "2024-06-29"}, "ti": ti, "outlet_events": events})
    assert (masters, told["touched"]) == ([master], ["2024-06-29"])
    assert sorted(events[REVIEWS].partition_keys) == ["2024-06-29"]


@pytest.mark.parametrize(
    ("operator", "verb", "params"), [(VerbOperator, PROMOTE, {}), (SparkVerbOperator, INGEST, {"day": "2024-06-29"})]
)
def test_a_verb_whose_task_airflow_ends_is_interrupted_and_one_that_is_done_is_not(
    home, monkeypatch, operator, verb, params
):
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps({"conn_type": "spark", "host": "sail[2]"}))
    ended = []

    def run(config, context):
        try:
            task.on_kill()  # as Airflow's handler of SIGTERM does, in the middle of the work
        finally:
            ended.append("what it had begun")

    task = operator(task_id="one", verb=replace(verb, run=run))
    with pytest.raises(KeyboardInterrupt, match="Airflow ended the task"):
        task.execute({"params": params, "ti": FakeTaskInstance({})})
    assert ended == ["what it had begun"]
    task.on_kill()  # as after a time-out, whose own error goes on


class FakeRun:
    """A run, with the note that somebody wrote."""

    run_id, note = "manual__1", "by me"


def failed_task(monkeypatch, task_id="ingest", map_index=-1):
    """A task in its own process, and what it leaves."""
    task, left = RuntimeTaskInstance.model_construct(task_id=task_id, map_index=map_index), []
    monkeypatch.setattr(RuntimeTaskInstance, "xcom_push", lambda self, key, value: left.append((key, value)))
    return task, left


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (AirflowFailException("the day\nhas not ended"), "the day has not ended"),
        (ContractError("give a source"), "give a source"),
        (KeyError("api"), "KeyError: 'api'"),
        (sqlite3.OperationalError("locked"), "OperationalError: locked"),
        (ValueError(), "ValueError:"),
        (AirflowException({"error": "no answer in time", "error_type": "timeout"}), "no answer in time"),
    ],
)
def test_why_a_task_failed_stands_in_the_note_of_its_run(monkeypatch, error, sentence):
    task, left = failed_task(monkeypatch)
    notes.on_task_instance_failed(task, error)
    assert left == [(NOTE_KEY, [f"Failed in ingest: {sentence}"])]
    monkeypatch.setattr(notes, "_said", lambda run: ["3 reviews kept.", "0 rejected.", *left[0][1]])
    run = FakeRun()
    notes.on_dag_run_failed(run, "")
    shown = sentence.replace("_", "\\_")
    assert run.note == "by me\n\n" + of_tasks(f"Failed in ingest: {shown}\n\n3 reviews kept. 0 rejected.")


def of_tasks(text):
    """What the tasks said, as it stands in a note: a line, and the others between marks that the page does not show."""
    first, *rest = text.split("\n\n")
    return "\n\n".join([first, "<!-- from the tasks, with the line above -->", *rest, "<!-- to here -->"])


def note_of(monkeypatch, said, note=None):
    run = FakeRun()
    run.note = note
    monkeypatch.setattr(notes, "_said", lambda run: said)
    notes.on_dag_run_success(run, "")
    return run.note


def test_each_end_of_a_run_says_what_its_tasks_said_last_and_keeps_what_a_person_wrote(monkeypatch):
    note = "by me"
    # Failed; cleared, and its task says another thing; cleared, and it says nothing.
    for said in (["Failed in ingest: no file"], ["3 reviews kept."], ["4 reviews kept."]):
        note = note_of(monkeypatch, said, note)
        assert note == "by me\n\n" + of_tasks(said[0])
        assert note_of(monkeypatch, said, note) == note
    assert note_of(monkeypatch, ["5 reviews kept."], f"{note}\nseen by her") == "by me\n\nseen by her\n\n" + of_tasks(
        "5 reviews kept."
    )
    assert note_of(monkeypatch, [], note) == "by me"
    assert note_of(monkeypatch, [], "by me\n") == "by me\n"
    # A note of before, which began with a mark.
    former = "by me\n\n<!-- from the tasks -->\n3 reviews kept.\n<!-- to here -->\nseen by her"
    assert note_of(monkeypatch, ["5 reviews kept."], former) == "by me\n\nseen by her\n\n" + of_tasks("5 reviews kept.")
    # Somebody took the second mark away.
    assert note_of(monkeypatch, ["3 reviews kept."], note.removesuffix("<!-- to here -->")) == "by me\n\n" + of_tasks(
        "3 reviews kept."
    )


def test_a_note_has_room_for_why_a_task_failed_and_for_what_came_last(monkeypatch):
    steps = [f"Training {number}: " + "figures " * 20 for number in range(9)]
    note = note_of(monkeypatch, [*steps, "Version 6 is champion now."])
    assert len(note) <= 1000
    begun, *_ = note.split()
    assert (begun, "Training 8" in note, "Training 0" in note) == ("…", True, False)
    assert note.endswith("Version 6 is champion now.\n\n" + of_tasks("").split("\n\n", 1)[1])
    note = note_of(monkeypatch, [*steps, "Failed in promote: MLflow does not answer."], "p" * 500)
    assert len(note) <= 1000
    failed, marked = "Failed in promote: MLflow does not answer.", "<!-- from the tasks, with the line above -->"
    assert note.startswith("p" * 500 + f"\n\n{failed}\n\n{marked}\n\n… ")
    note = note_of(
        monkeypatch, ["Failed in ingest: " + "why " * 100, "Failed in find_late: " + "how " * 200], "p" * 500
    )
    assert len(note) <= 1000
    assert "Failed in find\\_late: how" in note
    for length in range(890, 1001):
        note = note_of(monkeypatch, ["Failed in ingest: no file", "3 reviews kept."], "p" * length)
        assert len(note) <= 1000
        assert note.startswith("p" * length)


def test_a_task_that_was_cleared_and_not_reached_again_has_nothing_to_say():
    tables = {
        "task_instance": ("dag_id", "run_id", "task_id", "map_index", "state"),
        "xcom": ("dag_id", "run_id", "task_id", "map_index", "key", "value", "timestamp"),
    }
    states = {"find_late": "failed", "ingest": "success", "promote": None, "then": "upstream_failed"}
    with sqlalchemy.create_engine("sqlite://").begin() as connection:
        for table, columns in tables.items():
            connection.execute(sqlalchemy.text(f"create table {table} ({', '.join(columns)})"))
            for number, (task, state) in enumerate(states.items()):
                row = {"dag_id": "d", "run_id": "r", "task_id": task, "map_index": -1, "state": state, "key": NOTE_KEY}
                row |= {"value": f'["{task}"]', "timestamp": f"2024-06-29 00:00:0{number}"}
                words = f"insert into {table} values ({', '.join(f':{column}' for column in columns)})"
                connection.execute(sqlalchemy.text(words), row)
        found = connection.execute(notes._left_behind("d", "r")).scalars().all()
    assert found == [["find_late"], ["ingest"]]


def test_what_a_delivered_file_says_of_itself_is_no_markdown_in_a_note(monkeypatch):
    note = note_of(
        monkeypatch, ["Failed in ingest: unknown columns ![x](http://a.example/p.png),\n# **mine** `a|b` <i>"]
    )
    assert note == of_tasks(
        r"Failed in ingest: unknown columns `![x](http://a.example/p.png),` \# \*\*mine\*\* \`a\|b\` \<i\>"
    )


def test_an_address_in_a_delivered_name_becomes_no_link_in_a_note(monkeypatch):
    note = note_of(monkeypatch, ["columns named https://evil.example/sso, www.evil.example and me@evil.example"])
    assert note == of_tasks("columns named `https://evil.example/sso,` `www.evil.example` and `me@evil.example`")


def test_of_mapped_tasks_the_one_that_failed_is_named_and_a_long_error_is_cut(monkeypatch):
    task, left = failed_task(monkeypatch, "train", 2)
    notes.on_task_instance_failed(task, RuntimeError("out of memory " * 500))
    ((_, (sentence,)),) = left
    assert sentence.startswith("Failed in train[2]: out of memory")
    assert len(sentence) < 700


def test_a_failure_that_the_scheduler_tells_of_is_left_to_it():
    assert notes.on_task_instance_failed(FakeTaskInstance({}), "no heartbeat") is None


@pytest.mark.parametrize("made", [run, lambda verb: run_each(verb, [])], ids=["one", "mapped"])
@pytest.mark.parametrize(
    ("verb", "pool", "queue", "days"),
    [
        (SCORE, "spark", "default", ["scores"]),
        (INGEST, "spark", "default", ["reviews"]),
        (TRAIN, "gpu", "gpus", []),
        (PROMOTE, "default_pool", "default", []),
    ],
    ids=repr,
)
def test_the_verb_says_where_its_task_waits_and_what_it_announces(home, monkeypatch, made, verb, pool, queue, days):
    monkeypatch.setenv("SENTIMENT_TRAIN_QUEUE", "gpus")
    task = made(verb)
    assert (task.pool, task.queue, [asset.name for asset in task.outlets]) == (pool, queue, days)


def test_a_spark_operator_takes_the_settings_memory(home, monkeypatch):
    monkeypatch.setenv("SENTIMENT_SPARK_MEMORY", "3g")
    assert run(SCORE)._driver_memory == "3g"


def test_a_field_that_a_verb_does_not_take_or_return_fails_the_file_that_names_it():
    with pytest.raises(ValueError, match="score does not take modle; it takes day, "):
        run(SCORE, modle="3")
    with pytest.raises(ValueError, match="promote returns no version; it returns promoted, champion"):
        field_of(run(PROMOTE), "version")
    with pytest.raises(ValueError, match="train returns no versions; it returns run_id"):
        fields_of(run_each(TRAIN, []), "versions")
    with pytest.raises(ValueError, match="export returns no name"):
        own(EXPORT, "name")
    with pytest.raises(ValueError, match="train does not take review; it takes"):
        given(TRAIN, "review")


@pytest.mark.parametrize(
    ("values", "shown"), [({}, "17"), ({"seed": None}, "17"), ({"seed": 0}, "0"), ({"seed": 3}, "3")]
)
def test_a_mapped_task_is_named_by_what_it_was_given_be_it_nought(values, shown):
    assert Template(given(TRAIN, "seed")).render(task=SimpleNamespace(values=values)) == shown


def test_a_verb_on_spark_that_writes_no_days_announces_none(home, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps({"conn_type": "spark", "host": "sail[2]"}))
    whole = dict.fromkeys(("reviews_version", "from_day", "to_day", "cutoff"))
    result = SNAPSHOT.result(snapshot="s", dataset="lake", bad_rows=0, splits={}, **whole)
    task, ti = run(replace(SNAPSHOT, run=lambda *_: result)), FakeTaskInstance({})
    ti.xcom_push = lambda key, value: None
    assert task.execute({"params": {}, "ti": ti})["snapshot"] == "s"


def test_every_verb_that_tells_which_days_it_wrote_announces_them_and_no_other():
    telling = {name for name, verb in verbs().items() if "touched" in verb.result.model_fields}
    assert telling == {name for name, verb in verbs().items() if verb.writes}
    assert telling == {"import-history", "ingest", "score", "rescore"}


@pytest.mark.parametrize(
    ("written", "raised", "sentence"),
    [
        ({"error": "no day was ingested"}, ContractError, "no day was ingested"),
        # Tried again, and the run's note says why it failed in place of the command.
        ({"failed": "another run wrote that day"}, AirflowException, "^another run wrote that day$"),
        ({"touched": ["2014-05-05"]}, AirflowException, "code is: 134"),
        (None, AirflowException, "code is: 134"),
    ],
)
def test_a_driver_fails_in_its_own_words_and_one_that_died_after_its_result_as_one_that_died(
    home, monkeypatch, written, raised, sentence
):
    def submit(self, context):
        file = Path(self.application_args[-1])
        if written is not None:
            file.write_text(json.dumps(written))
        raise AirflowException("Cannot execute: spark-submit. Error code is: 134.")

    monkeypatch.setattr(SparkSubmitOperator, "execute", submit)
    operator = SparkVerbOperator(task_id="score", verb=SCORE)
    with pytest.raises(raised, match=sentence):
        operator.execute({"params": {"day": "2014-05-05"}, "ti": FakeTaskInstance({})})


def test_a_mapped_task_of_spark_becomes_one_that_waits_in_sparks_pool_and_knows_its_fields(home):
    late = run_each(INGEST, [{"day": "2024-06-29"}], task_id="ingest_late").unmap({"values": {"day": "2024-06-29"}})
    assert (late.pool, late.values, [asset.name for asset in late.outlets]) == (
        "spark",
        {"day": "2024-06-29"},
        ["reviews"],
    )


class FakeMapped:
    """A task instance of a run with mapped tasks: the states that Airflow knows, and what they returned."""

    dag_id = "train_models"

    def __init__(self, states, returned):
        self.states, self.returned = states, returned

    def get_task_states(self, dag_id, task_ids, run_ids):
        assert (dag_id, task_ids) == ("train_models", ["export"])
        return dict.fromkeys(run_ids, self.states)

    def xcom_pull(self, *, task_ids, map_indexes):
        return [self.returned.get(index) for task in task_ids for index in map_indexes]


@pytest.mark.parametrize(
    ("states", "versions"),
    [
        ({"export_0": "success", "export_1": "success"}, [3, 2]),
        ({"export_10": "success", "export_0": "success"}, [3, 5]),
        ({"export_1": "removed", "export_0": "success"}, [3]),
        ({"export_0": "failed", "export_1": "success"}, [2]),
        ({"export_0": "success", "export_7": "success"}, [3]),  # marked as successful by hand
        ({"export": "skipped"}, []),
        ({"export": "success"}, []),
    ],
)
def test_of_mapped_tasks_those_count_that_succeeded_whatever_others_returned_once(states, versions):
    template = SandboxedEnvironment().from_string(fields_of(run_each(EXPORT, []), "version"))
    returned = {0: {"version": 3}, 1: {"version": 2}, 10: {"version": 5}}
    assert json.loads(template.render(ti=FakeMapped(states, returned), run_id="manual__1")) == versions
