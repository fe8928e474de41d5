"""Model versions in MLflow and the aliases that name one of them. It decides nothing about them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sentiment.core.errors import ConcurrentWriteError, ContractError, UnavailableError
from sentiment.core.names import CHAMPION, PREVIOUS_CHAMPION, REGISTERED_MODEL
from sentiment.engine.bundle import DESCRIPTION, identity
from sentiment.stores.registry.answers import AbsentError
from sentiment.stores.registry.bundles import FetchedBundle, cached_bundle, fetching, keep_bundle
from sentiment.stores.registry.entries import BUNDLE, ModelVersion
from sentiment.stores.registry.packaging import servable
from sentiment.stores.registry.pages import without_password
from sentiment.stores.registry.runs import Runs

# The folder of a version beside its bundle.
EVIDENCE = "evidence"
# MLflow's databases hold no greater one, and fail where they are asked for it.
_LAST_NUMBER = 2**31 - 1


class Registry(Runs):
    """MLflow at one tracking address, under one registered model."""

    def register(
        self,
        bundle: Path,
        evidence: Path,
        run_id: str,
        tags: Mapping[str, str],
        metrics: Mapping[str, float],
        description: str = "",
    ) -> int:
        """Make a bundle a servable model that comes from a training run, and return the new version's number.

        The folder `evidence`, what the bundle said of the test reviews, is kept with it and nowhere else. The version
        is made with its tags in one step: a process that is killed leaves it whole, or not at all.
        """
        from mlflow.entities import LoggedModelOutput

        run, client = self.trained(run_id), self._client
        self.handle(run_id).log_metrics(metrics)
        model = client.create_logged_model(self._experiment_of(run_id), "bundle", run_id, params=run.params)
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
        with TemporaryDirectory() as scratch:
            folder = servable(Path(scratch) / "model", bundle, model, run_id)
            shutil.copytree(evidence, folder / EVIDENCE)
            client.log_model_artifacts(model.model_id, str(folder))
        client.finalize_logged_model(model.model_id, "READY")
        with suppress(ConcurrentWriteError):  # it is there already
            client.create_registered_model(REGISTERED_MODEL)
        made = client.create_model_version(
            REGISTERED_MODEL,
            model.artifact_location,  # a database would look `models:/ID` up at the process's own address
            run_id,
            tags={**tags, BUNDLE: identity(bundle)},
            model_id=model.model_id,
            description=description,
        )
        return int(made.version)

    def versions(self) -> list[ModelVersion]:
        """Return all registered versions, the newest first."""
        known = [] if self._untouched else self._client.search_model_versions(f"name = '{REGISTERED_MODEL}'")
        return sorted(map(_as_version, known), key=lambda version: -version.version)

    def version(self, number: int) -> ModelVersion:
        """Return one version; ContractError with the versions that there are when it is unknown."""
        try:
            if not self._untouched and number <= _LAST_NUMBER:
                return _as_version(self._client.get_model_version(REGISTERED_MODEL, str(number)))
        except AbsentError:
            pass
        listed = ", ".join(str(known.version) for known in self.versions()) or "none"
        raise AbsentError(f"there is no model version {number}; registered are: {listed}")

    def alias(self, name: str) -> int | None:
        """Return the version that an alias names, or None where MLflow says that it names none."""
        if self._untouched:
            return None
        try:
            # A model brings its aliases; asked for one that is not there, the server's answer is that of a wrong name.
            model = self._client.get_registered_model(REGISTERED_MODEL)
        except AbsentError:
            return None
        if model.name != REGISTERED_MODEL:
            raise UnavailableError(f"what answers at {without_password(self._address)} does not speak as MLflow does")
        return int(model.aliases[name]) if name in model.aliases else None

    def champion(self) -> int | None:
        """Return the version in force, or None; ContractError when the alias names one that is no longer there."""
        number = self.alias(CHAMPION)
        try:
            if number is not None:
                self._client.get_model_version(REGISTERED_MODEL, str(number))
        except AbsentError:
            raise ContractError(
                f"MLflow's alias {CHAMPION} names version {number}, which is gone; name another one: "
                '`sentiment rollback --version NUMBER --reason "…"`'
            ) from None
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

    def fetch_bundle(self, number: int) -> FetchedBundle:
        """Return the bundle of a version in this machine's cache, downloading it when it is not there.

        A version that says nothing of its content is downloaded each time: nobody can tell whether it is the one that
        is there. Raises ContractError when it holds no bundle, or another one than was registered.
        """
        version = self.version(number)
        registered = version.tags.get(BUNDLE, "")
        if (cached := cached_bundle(self._settings, registered)) and cached.content == registered:
            return cached
        with fetching(self._settings) as aside:
            return keep_bundle(self._settings, self._downloaded(version, aside), number)

    def find_evidence(self, number: int, destination: Path) -> Path | None:
        """Copy what a version's bundle said of its test reviews to `destination`; None where it keeps nothing.

        Versions before 0.5 left that at their runs.
        """
        source = f"{self._source(number)}/{EVIDENCE}"
        return self._download(source, destination) if self._list(source) else None

    def _downloaded(self, version: ModelVersion, aside: Path) -> Path:
        source = self._source(version.version)
        kept = self._list(source)
        if kept:
            self._download(source, aside)
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

    def _source(self, number: int) -> str:
        """Return where a version's files lie."""
        return str(self._client.get_model_version_download_uri(REGISTERED_MODEL, str(number))).rstrip("/")

    def _list(self, source: str) -> list[Any]:
        try:
            return list(self._artifacts.list_artifacts(artifact_uri=source, tracking_uri=self._address))
        except AbsentError:
            return []

    def _download(self, source: str, destination: Path) -> Path:
        found = self._artifacts.download_artifacts(
            artifact_uri=source, dst_path=str(destination), tracking_uri=self._address, registry_uri=self._address
        )
        return Path(found)


def _as_version(known: Any) -> ModelVersion:
    return ModelVersion(int(known.version), known.run_id or "", dict(known.tags))
