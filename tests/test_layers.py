"""What fresh processes load when they start. Who may import whom stands in pyproject.toml (import-linter)."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import FOLDERS, use_home

PROJECT = Path(__file__).resolve().parents[1]
DAG_FILES = sorted((PROJECT / "dags").glob("*.py"))

HEAVY = (
    *("boto3", "deltalake", "imblearn", "matplotlib", "mlflow", "nncf", "onnx", "onnxruntime", "openvino", "optuna"),
    *("pandas", "peft", "pyspark", "scipy", "sklearn", "statsmodels", "tokenizers", "torch", "transformers"),
)


def loaded(code: str, heavy: list[str]) -> dict[str, list[str]]:
    """Run code in a fresh interpreter; it fills `seen`, and `heavy` are the names that it looks for."""
    prelude = f"import json, sys\nheavy = {heavy!r}\nseen = {{}}\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{prelude}{code}\nprint(json.dumps(seen))"],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": FOLDERS},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("module", ["sentiment.engine.scorer", "sentiment.scoring.job"])
def test_a_scoring_worker_never_loads_a_training_library(module):
    code = f"import {module}\nseen['loaded'] = [name for name in heavy if name in sys.modules]"
    assert loaded(code, ["torch", "transformers", "mlflow", "sklearn", "pandas", "airflow"]) == {"loaded": []}


def test_the_verbs_and_their_configurations_load_no_heavy_library_before_they_work():
    code = """
from sentiment import cli, verbs
seen["verbs"] = len(verbs.verbs()) > 20
seen["loaded"] = [name for name in heavy if name in sys.modules]
"""
    assert loaded(code, [*HEAVY, "airflow", "pyarrow", "numpy"]) == {"verbs": True, "loaded": []}


REFUSED = {
    "predict --input /nowhere.csv": "there is no file",
    "predict --input PROJECT/README.md --output result.xlsx": "no kind that is written",
    "predict good": "there is no champion yet",
    "predict good --model 3": "no model version 3",
    "compare nonsense": "is no id of a run",
    "export --run-id nonsense": "is no id of a run",
    "export --run-id 0123456789abcdef0123456789abcdef": "has no run",
    "promote --versions 7": "no model version 7",
    "report": "no day was scored",
    "train --learning-rate inf": "finite number",
    "train --encoder ./nowhere": "there is no such folder",
}


def test_what_can_be_refused_without_mlflow_and_torch_is_refused_without_them(tmp_path, monkeypatch):
    use_home(tmp_path, monkeypatch)
    code = """
import contextlib, io
from sentiment.cli import main
for words in REFUSED:
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
        main(words.split())
    seen[words] = [said.getvalue(), [name for name in heavy if name in sys.modules]]
"""
    commands = [words.replace("PROJECT", str(PROJECT)) for words in REFUSED]
    heavy = ["mlflow", "torch", "transformers", "pyspark", "onnxruntime"]
    seen = loaded(code.replace("REFUSED", repr(commands)), heavy)
    for (said, found), sentence in zip(seen.values(), REFUSED.values(), strict=True):
        assert sentence in said
        assert "Traceback" not in said
        assert found == []


def test_a_name_that_is_wrong_is_refused_before_a_heavy_library_is_loaded(home):
    wrong = [
        *(f"{verb} --snapshot abcdefabcdef" for verb in ("train", "tune", "benchmark training", "benchmark imbalance")),
        *("benchmark models --snapshots abcdefabcdef", "train --resume nothing", "trainings --remove nothing"),
        *("train --encoder ./nowhere", "tune --encoder no/such/folder", "train --encoder nobody/nothing"),
        "train --family gru --embeddings nowhere.vec",
        *(
            "train --family gru --teacher nowhere.parquet",
            "train --family gru --teacher nobody",
            "soft-labels --model me",
        ),
    ]
    code = f"""
from sentiment import cli
seen["ended"] = [cli.main(words.split()) for words in {wrong!r}]
seen["loaded"] = [name for name in heavy if name in sys.modules]
"""
    heavy = ["torch", "transformers", "mlflow", "optuna", "pyspark", "sklearn", "onnx"]
    assert loaded(code, heavy) == {"ended": [1] * len(wrong), "loaded": []}


def test_the_dag_files_and_the_plugin_load_no_heavy_library():
    # A child of an interpreter that has loaded Airflow alone, one a file, is as fresh as one that starts from nothing.
    code = """
import multiprocessing, runpy
import airflow.sdk, airflow.plugins_manager
def look(file):
    runpy.run_path(file)
    return [name for name in heavy if name in sys.modules]
context = multiprocessing.get_context("fork")
for file in FILES:
    with context.Pool(1) as pool:
        seen[file] = pool.apply(look, (file,))
"""
    files = [str(file) for file in [*DAG_FILES, PROJECT / "plugins" / "sentiment_plugin.py"]]
    assert loaded(code.replace("FILES", repr(files)), list(HEAVY)) == {file: [] for file in files}


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.stem)
def test_a_dag_file_is_a_page_of_wiring_under_a_manual(file):
    text = file.read_text(encoding="utf-8")
    assert (ast.get_docstring(ast.parse(text)) or "").startswith("### ")
    assert "doc_md=__doc__" in text
    assert len(text.splitlines()) <= 65
