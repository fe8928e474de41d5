"""Where the tables of a benchmark go: into MLflow and a folder, beside what lies there already."""

import pytest

from sentiment.core.context import Context
from sentiment.core.errors import ContractError, UnavailableError
from sentiment.core.settings import Settings
from sentiment.stores.registry.handle import RunHandle
from sentiment.stores.registry.versions import Registry
from sentiment_benchmarks.config import BenchmarkScaleConfig
from sentiment_benchmarks.publishing import published


def opened(output):
    return published("scale", BenchmarkScaleConfig(), output, Context.of_process())


def leave(publication, name, content="new"):
    file = publication.written / "tables" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def names(folder):
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def test_a_benchmark_replaces_its_own_tables_and_touches_and_publishes_no_others(home):
    output = home / "out"
    (output / "tables").mkdir(parents=True)
    for name in ("notes.txt", "tables/mine.csv", "tables/stress.json", "tables/scale.json"):
        (output / name).write_text("old")
    with opened(output) as publication:
        leave(publication, "scale.json")
    assert names(output) == {"notes.txt", "tables/mine.csv", "tables/stress.json", "tables/scale.json"}
    assert (output / "tables" / "scale.json").read_text() == "new"
    assert (output / "tables" / "stress.json").read_text() == "old"
    assert names(Registry(Settings()).download(publication.run_id, "", home / "down")) == {"tables/scale.json"}


@pytest.mark.parametrize("taken", ["out", "out/tables"])
def test_a_folder_that_takes_no_tables_is_refused_before_anything_is_measured(home, taken):
    file = home / taken
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    with (
        pytest.raises(ContractError, match=r"cannot be written into .*out: .*; give another folder with --output"),
        opened(home / "out"),
    ):
        raise AssertionError("it was measured")


def test_what_was_measured_is_in_mlflow_when_the_folder_is_gone_and_in_the_folder_when_mlflow_is(home, monkeypatch):
    output = home / "out"
    opening = opened(output)
    publication = opening.__enter__()
    leave(publication, "scale.json")
    (output / "tables").rmdir()
    (output / "tables").touch()
    with pytest.raises(OSError, match="tables"):
        opening.__exit__(None, None, None)
    assert names(Registry(Settings()).download(publication.run_id, "", home / "down")) == {"tables/scale.json"}
    (output / "tables").unlink()

    def gone(*_: object) -> None:
        raise UnavailableError("MLflow does not answer")

    monkeypatch.setattr(RunHandle, "log_folder", gone)
    with pytest.raises(UnavailableError), opened(output) as publication:
        leave(publication, "scale.json")
    assert names(output) == {"tables/scale.json"}
