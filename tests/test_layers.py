"""Who may import what. The table below is the rule: a file that needs a heavy library is added to it on purpose."""

import ast
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
LIBRARY = PROJECT / "include" / "sentiment"
DAG_FILES = sorted((PROJECT / "dags").glob("*.py"))

# Library -> files under include/sentiment that import it, at any level but for type checking.
MAY_IMPORT = {
    "airflow": set(),
    "boto3": {"storage.py"},
    "ctranslate2": {"benchmarks/scoring/converted.py"},
    "dask": {"benchmarks/preparation/contender.py"},
    "deltalake": {"lake/protocol.py", "lake/tables.py"},
    "imblearn": {"training/imbalance.py"},
    "matplotlib": {"evaluation/canvas.py", "tuning/pictures.py"},
    "mlflow": {
        "benchmarks/scoring/spark_contenders.py",
        "export/served_model.py",
        "mlflow_app.py",
        "registry/answers.py",
        "registry/inputs.py",
        "registry/runs.py",
        "registry/versions.py",
    },
    "onnx": {"export/onnx.py"},
    "onnxruntime": {"export/onnx.py", "scoring/engines.py"},
    "nncf": {"export/openvino.py"},
    "openvino": {"export/openvino.py", "scoring/engines.py"},
    "optuna": {
        "tuning/liveness.py",
        "tuning/pictures.py",
        "tuning/search.py",
        "tuning/space.py",
        "tuning/storage.py",
        "tuning/study.py",
        "tuning/trial.py",
    },
    "pandas": {"benchmarks/preparation/reviews.py", "benchmarks/scoring/spark_contenders.py", "export/served_model.py"},
    "peft": {"models/adapters.py"},
    "pyspark": {
        "benchmarks/scoring/spark_contenders.py",
        "datasets/repetitions.py",
        "datasets/snapshot.py",
        "ingest/job.py",
        "ingest/lines.py",
        "ingest/products.py",
        "lake/from_spark.py",
        "scoring/days.py",
        "scoring/job.py",
        "scoring/known.py",
        "scoring/ship.py",
        "spark.py",
        "training/distributed.py",
    },
    "scipy": {
        "evaluation/calibration.py",
        "evaluation/paired_tests.py",
        "evaluation/slices.py",
        "export/gate.py",
        "models/features.py",
        "training/gate.py",
    },
    "sklearn": {
        "benchmarks/scoring/lexical.py",
        "evaluation/metrics.py",
        "training/folds.py",
        "training/gate.py",
        "training/linear.py",
    },
    "statsmodels": {"evaluation/paired_tests.py"},
    "textblob": {"benchmarks/scoring/lexical.py"},
    "tokenizers": {
        "benchmarks/scoring/as_pretrained.py",
        "benchmarks/scoring/contenders.py",
        "models/words.py",
        "scoring/tokens.py",
    },
    "torch": {
        "benchmarks/machine.py",
        "benchmarks/scoring/as_pretrained.py",
        "benchmarks/scoring/networks.py",
        "benchmarks/scoring/spark_contenders.py",
        "export/onnx.py",
        "models/build.py",
        "models/classifier.py",
        "models/linear.py",
        "models/recurrent.py",
        "training/batches.py",
        "training/candidate.py",
        "training/checkpoints.py",
        "training/distributed.py",
        "training/failures.py",
        "training/fitted.py",
        "training/hardware.py",
        "training/linear.py",
        "training/losses.py",
        "training/neural.py",
        "training/optimiser.py",
        "training/stage_batches.py",
        "training/stage_checkpoints.py",
        "training/staged.py",
        "training/stages.py",
        "training/trainer.py",
        "training/worker.py",
    },
    "transformers": {
        "benchmarks/scoring/as_pretrained.py",
        "benchmarks/scoring/networks.py",
        "models/encoders.py",
        "training/checkpoints.py",
        "training/neural.py",
        "training/optimiser.py",
        "training/staged.py",
        "training/trainer.py",
    },
    "vaderSentiment": {"benchmarks/scoring/lexical.py"},
}


def imported_by(file: Path) -> set[str]:
    """Return the top-level names that a file imports when it runs; what stands under TYPE_CHECKING does not run."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for_types = [
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    ]
    found = set()
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


IMPORTS = {str(file.relative_to(LIBRARY)): imported_by(file) for file in sorted(LIBRARY.rglob("*.py"))}


@pytest.mark.parametrize("library", MAY_IMPORT)
def test_a_heavy_library_is_imported_by_exactly_the_files_whose_job_it_is(library):
    assert {file for file, names in IMPORTS.items() if library in names} == MAY_IMPORT[library]


def loaded(code: str, heavy: list[str]) -> dict[str, list[str]]:
    """Run code in a fresh interpreter; it fills `seen`, and `heavy` are the names that it looks for."""
    prelude = f"import json, sys\nheavy = {heavy!r}\nseen = {{}}\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{prelude}{code}\nprint(json.dumps(seen))"],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT / "include"), str(PROJECT / "plugins")])},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("module", ["sentiment.scoring.scorer", "sentiment.scoring.job"])
def test_a_scoring_worker_never_loads_a_training_library(module):
    code = f"import {module}\nseen['loaded'] = [name for name in heavy if name in sys.modules]"
    assert loaded(code, ["torch", "transformers", "mlflow", "sklearn", "pandas", "airflow"]) == {"loaded": []}


def test_the_verbs_and_their_configurations_load_no_heavy_library_before_they_work():
    code = "import sentiment.pipeline, sentiment.cli\nseen['loaded'] = [name for name in heavy if name in sys.modules]"
    assert loaded(code, [*MAY_IMPORT, "pyarrow", "numpy"]) == {"loaded": []}


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
    heavy = [name for name in MAY_IMPORT if name != "airflow"]
    assert loaded(code.replace("FILES", repr(files)), heavy) == {file: [] for file in files}


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.stem)
def test_a_dag_file_is_a_page_of_wiring_under_a_manual(file):
    text = file.read_text(encoding="utf-8")
    assert (ast.get_docstring(ast.parse(text)) or "").startswith("### ")
    assert "doc_md=__doc__" in text
    assert len(text.splitlines()) <= 65


def test_both_packages_that_install_the_folder_pyspark_have_the_same_version():
    assert version("pyspark") == version("pyspark-client")
