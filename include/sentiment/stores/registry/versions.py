"""Model versions in MLflow and the aliases that name one of them. It decides nothing about them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from sentiment.core.errors import ConcurrentWriteError, ContractError
from sentiment.core.names import CHAMPION, PREVIOUS_CHAMPION, REGISTERED_MODEL
from sentiment.engine.bundle import DESCRIPTION, identity, read_bundle
from sentiment.stores.registry.answers import AbsentError
from sentiment.stores.registry.bundles import cached_bundle, fetching, keep_bundle
from sentiment.stores.registry.entries import BUNDLE, ModelVersion
from sentiment.stores.registry.runs import Runs

SERVED_MODEL = Path(__file__).with_name("served_model.py")
_SERVING_NEEDS = ("mlflow", "numpy", "onnxruntime", "pandas", "pydantic", "pydantic-settings", "tokenizers")


class Registry(Runs):
    """MLflow at one tracking address, under one registered model."""

    def register(self, bundle: Path, run_id: str, tags: Mapping[str, str], metrics: Mapping[str, float]) -> int:
        """Log a bundle to its training run as a servable model and return the new version's number.

        The version is made with its tags in one step: a process that is killed leaves it whole, or not at all.
        """
        with self._opened(run_id):
            self.log_metrics(metrics)
            logged = self._mlflow.pyfunc.log_model(
                name="bundle",
                python_model=str(SERVED_MODEL),
                artifacts={"bundle": str(bundle)},
                signature=_signature(),
                pip_requirements=[f"{name}=={installed(name)}" for name in _SERVING_NEEDS],
                registered_model_name=REGISTERED_MODEL,
                tags={**tags, BUNDLE: identity(bundle)},
            )
        return int(logged.registered_model_version)

    def versions(self) -> list[ModelVersion]:
        """Return all registered versions, the newest first."""
        found = self._client.search_model_versions(f"name = '{REGISTERED_MODEL}'")
        return sorted((_as_version(one) for one in found), key=lambda one: -one.version)

    def version(self, number: int) -> ModelVersion:
        """Return one version; ContractError with the versions that there are when it is unknown."""
        known = self.versions()
        for one in known:
            if one.version == number:
                return one
        listed = ", ".join(str(one.version) for one in known) or "none"
        raise AbsentError(f"there is no model version {number}; registered are: {listed}")

    def alias(self, name: str) -> int | None:
        """Return the version that an alias names, or None where MLflow says that it names none."""
        try:
            # A model brings its aliases; asked for one that is not there, the server's answer is that of a wrong name.
            aliases = self._client.get_registered_model(REGISTERED_MODEL).aliases
        except AbsentError:
            return None
        return int(aliases[name]) if name in aliases else None

    def champion(self) -> int | None:
        """Return the version in force, or None; ContractError when the alias names one that is no longer there."""
        number = self.alias(CHAMPION)
        if number is not None and number not in {one.version for one in self.versions()}:
            raise ContractError(
                f"MLflow's alias {CHAMPION} names version {number}, which is gone; name another one: "
                '`sentiment rollback --version NUMBER --reason "…"`'
            )
        return number

    def set_champion(self, number: int, instead_of: int | None) -> None:
        """Move the alias champion to a version, and previous_champion to the one that it leaves.

        Raises ConcurrentWriteError when it does not name `instead_of`. MLflow has no conditional write: between this
        look and the move lie milliseconds.
        """
        present = self.alias(CHAMPION)
        if present != instead_of:
            raise ConcurrentWriteError(
                f"another run made version {present} champion while this one was deciding against version "
                f"{instead_of}; the alias was left as it is: run it again"
            )
        if present is not None and present != number:
            self._client.set_registered_model_alias(REGISTERED_MODEL, PREVIOUS_CHAMPION, str(present))
        self._client.set_registered_model_alias(REGISTERED_MODEL, CHAMPION, str(number))

    def fetch_bundle(self, number: int) -> Path:
        """Return the bundle of a version in this machine's cache, downloading it when it is not there.

        A version that says nothing of its content is downloaded each time: nobody can tell whether it is the one that
        is there. Raises ContractError when it holds no bundle, or another one than was registered.
        """
        version = self.version(number)
        folder = cached_bundle(self._settings, version.tags.get(BUNDLE, ""))
        if folder is None:
            with fetching(self._settings) as aside:
                folder = keep_bundle(self._settings, self._downloaded(version, aside))
        read_bundle(folder)
        return folder

    def _downloaded(self, version: ModelVersion, aside: Path) -> Path:
        uri = f"models:/{REGISTERED_MODEL}/{version.version}"
        artifacts = self._mlflow.artifacts
        kept = artifacts.list_artifacts(artifact_uri=uri, tracking_uri=self._address)
        if kept:
            artifacts.download_artifacts(artifact_uri=uri, dst_path=str(aside), tracking_uri=self._address)
        bundles = [file.parent for file in aside.rglob(DESCRIPTION)]
        if len(bundles) != 1:
            what = "keeps no bundle" if kept else "has no files any more"
            raise ContractError(
                f"version {version.version} {what}: it was registered by hand, or its artifacts were deleted; take "
                "another version, or export its run anew"
            )
        expected = version.tags.get(BUNDLE, "")
        if expected and identity(bundles[0]) != expected:
            raise ContractError(
                f"version {version.version} holds the bundle {identity(bundles[0])}, registered was {expected}: its "
                "artifacts were changed; export its run anew"
            )
        return bundles[0]


def _signature() -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    return ModelSignature(
        Schema([ColSpec(DataType.string, "text"), ColSpec(DataType.string, "title", required=False)]),
        Schema(
            [
                ColSpec(DataType.string, "label"),
                ColSpec(DataType.float, "positive_probability"),
                ColSpec(DataType.float, "confidence"),
                ColSpec(DataType.boolean, "needs_review"),
            ]
        ),
    )


def _as_version(one: Any) -> ModelVersion:
    return ModelVersion(int(one.version), one.run_id or "", dict(one.tags))
