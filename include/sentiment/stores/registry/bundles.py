"""The bundles that this machine has fetched, each in a folder named by its content.

A version's number says nothing of its content: another MLflow, or a model made anew, gives the same numbers again.
"""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Self

from sentiment.core.atomic import keep, replacing
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.engine.bundle import Bundle, identity, read_bundle

log = logging.getLogger(__name__)

_IDENTITY = re.compile(r"[0-9a-f]{16}")
# A download takes minutes; one of a day ago was killed.
_LEFT_OVER = 86_400.0  # seconds


@dataclass(frozen=True)
class FetchedBundle:
    """A bundle on this machine, every file of it checked: where it lies, what it says of itself, and its identity."""

    folder: Path
    description: Bundle
    content: str

    @classmethod
    def checked(cls, folder: Path) -> Self:
        """Check every file of a bundle; raises ContractError naming the one that is not as exported."""
        return cls(folder, read_bundle(folder), identity(folder))


def bundle_cache(settings: Settings) -> Path:
    """Return the folder under which fetched bundles lie."""
    folder = settings.home / "bundles"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cached_bundle(settings: Settings, content: str) -> FetchedBundle | None:
    """Return the bundle of that identity, or None when it is not there or a file of it is damaged."""
    folder = bundle_cache(settings) / content
    if not (_IDENTITY.fullmatch(content) and folder.is_dir()):
        return None
    try:
        return FetchedBundle.checked(folder)
    except ContractError as error:
        log.warning("a bundle's copy here is damaged and is fetched again: %s", error)
        return None


@contextmanager
def fetching(settings: Settings) -> Iterator[Path]:
    """Give an empty folder beside the bundles to download into; it is gone at the end, like those of killed tasks."""
    cache = bundle_cache(settings)
    for old in cache.glob(".*"):
        with suppress(FileNotFoundError):  # of another task that ends now
            if time.time() - old.stat().st_mtime > _LEFT_OVER:
                shutil.rmtree(old, ignore_errors=True)
    aside = Path(mkdtemp(prefix=".fetching-", dir=cache))
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def keep_bundle(settings: Settings, bundle: Path, version: int) -> FetchedBundle:
    """Move a version's downloaded bundle to its place and return it; another task may have put the same there before.

    Raises ContractError naming the version and the file when one is not as exported: what came damaged is not kept. One
    that was damaged here, by a power failure or a full disk, is replaced.
    """
    try:
        found = FetchedBundle.checked(bundle)
    except ContractError as error:
        # Without the folder, which is gone by then, and what else would help where it lasts.
        said = str(error).replace(f"{bundle}/", "its file ").replace(str(bundle), "it").rpartition(";")[0]
        raise ContractError(f"version {version}, as it lies in MLflow: {said}; export its run anew") from error
    present = cached_bundle(settings, found.content)
    if present and present.content == found.content:  # bundle.json holds the hash of every file but its own
        return present
    folder = bundle_cache(settings) / found.content
    if folder.is_dir():
        with replacing(folder) as aside:
            bundle.rename(aside)
    else:
        keep(bundle, folder)
    return replace(found, folder=folder)
