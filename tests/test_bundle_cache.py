"""The bundles of this machine: one folder a content, what killed downloads leave, and a full disk."""

import errno
import os
import time
from pathlib import Path

import pytest

from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.engine.bundle import DESCRIPTION, REQUIRED, Bundle, Thresholds, read_bundle, seal
from sentiment.stores.registry.bundles import bundle_cache, cached_bundle, fetching, keep_bundle


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def downloaded(aside: Path, content: str) -> Path:
    folder = aside / "artifacts" / "bundle"
    folder.mkdir(parents=True)
    for name in REQUIRED:
        (folder / name).write_text(content, encoding="utf-8")
    seal(folder, Bundle(family="linear", max_length=8, head_share=0.5))
    return folder


def test_a_bundle_is_found_by_its_content_and_by_nothing_else(settings):
    with fetching(settings) as aside:
        kept = keep_bundle(settings, downloaded(aside, "{}"), 3)
    assert cached_bundle(settings, kept.content) == kept
    (bundle_cache(settings) / "1").mkdir()
    for other in ("1", "", "../bundles", "0123456789abcdef", f"{kept.content}/../{kept.content}"):
        assert cached_bundle(settings, other) is None


def test_of_two_tasks_that_fetch_the_same_bundle_both_have_it(settings):
    with fetching(settings) as one, fetching(settings) as other:
        first, second = downloaded(one, "{}"), downloaded(other, "{}")
        assert keep_bundle(settings, first, 3) == keep_bundle(settings, second, 3)
    assert len(list(bundle_cache(settings).iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (REQUIRED[0], "cut", "its file model.onnx is "),
        (REQUIRED[0], None, "its file model.onnx is missing where "),
        (DESCRIPTION, "{}", "it is no bundle of this version: "),
    ],
)
def test_a_bundle_that_lies_damaged_in_mlflow_is_not_kept_and_its_version_is_named(settings, name, content, said):
    with fetching(settings) as aside:
        bundle = downloaded(aside, "whole")
        (bundle / name).unlink()
        if content is not None:
            (bundle / name).write_text(content, encoding="utf-8")
        with pytest.raises(ContractError) as raised:
            keep_bundle(settings, bundle, 3)
    sentence = str(raised.value)
    assert sentence.startswith(f"version 3, as it lies in MLflow: {said}")
    assert sentence.endswith("; export its run anew")
    assert str(settings.home) not in sentence
    assert list(bundle_cache(settings).iterdir()) == []


def test_a_bundle_that_was_damaged_here_is_fetched_again_and_replaced(settings, caplog):
    with fetching(settings) as aside:
        kept = keep_bundle(settings, downloaded(aside, "whole"), 3)
    (kept.folder / REQUIRED[0]).write_bytes(b"\0" * 5)
    assert cached_bundle(settings, kept.content) is None
    assert REQUIRED[0] in caplog.text
    with fetching(settings) as aside:
        assert keep_bundle(settings, downloaded(aside, "whole"), 3) == kept
    assert cached_bundle(settings, kept.content) == kept
    assert list(bundle_cache(settings).iterdir()) == [kept.folder]


def test_a_bundle_whose_description_was_changed_here_is_no_longer_the_one_that_was_asked_for(settings, caplog):
    with fetching(settings) as aside:
        kept = keep_bundle(settings, downloaded(aside, "whole"), 3)
    seal(kept.folder, kept.description.model_copy(update={"thresholds": Thresholds(positive=0.9)}))
    assert read_bundle(kept.folder).thresholds.positive == 0.9
    with fetching(settings) as aside:
        assert keep_bundle(settings, downloaded(aside, "whole"), 3) == kept
    assert cached_bundle(settings, kept.content) == kept


def test_a_full_disk_is_not_taken_for_a_faster_task(settings, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with fetching(settings) as aside:
        bundle = downloaded(aside, "{}")
        monkeypatch.setattr(Path, "rename", full)
        with pytest.raises(OSError, match="No space left on device"):
            keep_bundle(settings, bundle, 3)
    assert list(bundle_cache(settings).iterdir()) == []


def test_what_killed_downloads_left_is_removed_and_those_at_work_are_not(settings):
    killed, at_work = (bundle_cache(settings) / name for name in (".4.1234", ".fetching-x"))
    for folder in (killed, at_work):
        downloaded(folder, "{}")
    long_ago = time.time() - 2 * 86_400
    os.utime(killed, (long_ago, long_ago))
    with fetching(settings):
        pass
    assert list(bundle_cache(settings).iterdir()) == [at_work]
