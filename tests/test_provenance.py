"""What runs names the commit of its own checkout, and of no other."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentiment.core import provenance

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-C")


def git(folder: Path, *words: str) -> str:
    return subprocess.run([*GIT, folder, *words], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch) -> Iterator[Path]:
    """A repository of one commit; nothing but the project's folder says which commit runs."""
    for name in ("SENTIMENT_GIT_COMMIT", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    git(folder, "commit", "-q", "--allow-empty", "-m", "one")
    provenance._git_commit.cache_clear()
    yield folder
    provenance._git_commit.cache_clear()


def test_a_checkout_and_a_worktree_of_it_name_their_commit(repository, monkeypatch):
    git(repository, "worktree", "add", "-q", "../worktree")
    for folder in (repository, repository.with_name("worktree")):
        provenance._git_commit.cache_clear()
        monkeypatch.setattr(provenance, "PROJECT", folder)
        assert provenance.provenance()["git_commit"] == git(repository, "rev-parse", "HEAD")


def test_a_release_unpacked_within_another_repository_names_no_commit_but_that_which_is_given(repository, monkeypatch):
    (repository / "release").mkdir()
    monkeypatch.setattr(provenance, "PROJECT", repository / "release")
    assert "git_commit" not in provenance.provenance()
    provenance._git_commit.cache_clear()
    monkeypatch.setenv("SENTIMENT_GIT_COMMIT", "given")
    assert provenance.provenance()["git_commit"] == "given"
