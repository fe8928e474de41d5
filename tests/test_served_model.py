"""A registered version stands alone: an environment of what it asks for, without this checkout, loads and serves it."""

import json
import os
import subprocess
import time
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement

import tiny
from conftest import without_server
from contexts import a_context
from ports import free_port
from sentiment.core.settings import Settings
from sentiment.engine.scorer import Scorer
from sentiment.scoring.files import predict_rows
from sentiment.stores.registry.versions import Registry

pytestmark = pytest.mark.slow

REVIEWS = [
    *(
        {"title": "", "text": text}
        for text in ("great excellent love perfect", "<b>broken</b> aw\u200bful &amp; refund")
    ),
    *(
        {"title": "", "text": text}
        for text in ("", "nan", "<br><br>", "12 34", "it was used at home", "qqqq wwww zzzz")
    ),
    {"title": "awful", "text": "great"},
]
ASK = """
import json, sys
import mlflow, pandas
try:
    import sentiment
except ModuleNotFoundError:  # as it should be
    model = mlflow.pyfunc.load_model(sys.argv[1])
    print(model.predict(pandas.DataFrame(json.loads(sys.argv[2]))).to_json(orient="records"))
"""
ASK_SPARK = """
import json, sys
import mlflow
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
reviews = spark.createDataFrame(json.loads(sys.argv[2]))
predict = mlflow.pyfunc.spark_udf(spark, sys.argv[1], env_manager="local")
rows = [row["said"].asDict() for row in reviews.select(predict("text", "title").alias("said")).collect()]
# MLflow makes texts of all that stands in a column of texts, of None as well.
print(json.dumps([{name: None if value == "None" else value for name, value in row.items()} for row in rows]))
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return tiny.write_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def version(bundle, tmp_path_factory) -> Path:
    """The files of a registered version, as anyone downloads them."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, mlflow_uri=without_server(home), artifacts="")
    registry = Registry(settings)
    (home / "evidence").mkdir()
    with registry.run("linear", {"seed": 0}, {}, a_context(settings)) as run:
        pass
    number = registry.register(bundle, home / "evidence", run.run_id, {}, {})
    return registry._download(registry._source(number), tmp_path_factory.mktemp("version"))


@pytest.fixture(scope="module")
def python(version, tmp_path_factory) -> Path:
    """Python in an environment of what the version's requirements name and need, and the pyspark of a cluster.

    It is as pip would make it, but that the packages are links to the installed ones.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    asked = (version / "requirements.txt").read_text(encoding="utf-8").splitlines()
    (packages,) = folder.glob("lib/*/site-packages")
    for found in needed([Requirement(line) for line in [*asked, "pyspark"]]).values():
        for name in {file.parts[0] for file in found.files or [] if file.parts[0] != ".."}:
            if not (packages / name).exists():
                (packages / name).symlink_to(found.locate_file(name))
    return folder / "bin" / "python"


def needed(asked: list[Requirement]) -> dict[str, Distribution]:
    """Return the distributions that requirements name, and those that these need in turn, by name."""
    found: dict[str, Distribution] = {}
    while asked:
        wanted = asked.pop()
        if wanted.name in found:
            continue
        one = found[wanted.name] = distribution(wanted.name)
        assert wanted.specifier.contains(one.version, prereleases=True)
        needs = map(Requirement, one.requires or [])
        extras = ["", *wanted.extras]
        asked += [need for need in needs if not need.marker or any(need.marker.evaluate({"extra": e}) for e in extras)]
    return found


def outside() -> dict[str, str]:
    """The environment of somebody who has never heard of this checkout."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SENTIMENT", "PYTEST"))}


@pytest.fixture(scope="module")
def expected(bundle) -> list[dict]:
    rows = predict_rows(Scorer.load(bundle), REVIEWS, 1)
    return [
        {name: value for name, value in row.items() if name not in {"title", "text", "model_version"}} for row in rows
    ]


def same(said: list[dict], expected: list[dict]) -> None:
    assert [row["label"] for row in expected] != ["positive"] * len(expected)
    assert len(said) == len(expected)
    for got, wanted in zip(said, expected, strict=True):
        assert {name: pytest.approx(value, abs=2e-6) for name, value in wanted.items()} == got


@pytest.mark.parametrize(
    "ask", [ASK, pytest.param(ASK_SPARK, marks=pytest.mark.spark)], ids=["load_model", "spark_udf"]
)
def test_a_version_cleans_refuses_and_flags_as_predict_does_where_only_its_requirements_are(
    python, version, expected, tmp_path, ask
):
    asked = [python, "-c", ask, version, json.dumps(REVIEWS)]
    told = outside() | {"PYSPARK_PYTHON": str(python)}
    done = subprocess.run(asked, capture_output=True, text=True, check=False, cwd=tmp_path, env=told)
    assert done.returncode == 0, done.stderr
    same(json.loads(done.stdout.splitlines()[-1]), expected)


def test_a_version_is_served_over_http_where_only_its_requirements_are(python, version, expected, tmp_path):
    port = free_port()
    serve = [python, "-m", "uvicorn", "--port", str(port), "mlflow.pyfunc.scoring_server.app:app"]
    address = f"http://127.0.0.1:{port}"
    told = outside() | {"__pyfunc_model_path__": str(version)}  # as `mlflow models serve` starts its server
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(serve, stderr=log, stdout=log, cwd=tmp_path, env=told)
        try:
            await_answer(address, server)
            answer = httpx.post(f"{address}/invocations", json={"dataframe_records": REVIEWS}, timeout=90)
        finally:
            server.terminate()
            server.wait(90)
    assert answer.status_code == 200, answer.text
    assert "NaN" not in answer.text
    same(answer.json()["predictions"], expected)


def await_answer(address: str, server: subprocess.Popen) -> None:
    end = time.monotonic() + 240
    while server.poll() is None and time.monotonic() < end:
        try:
            if httpx.get(f"{address}/ping", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.3)
    pytest.fail("the server of the model did not come up")
