"""MLflow's tables in a file: made whole or not at all, once, and what is wrong with one is said in a sentence."""

import mlflow
import pytest
from sqlalchemy.exc import OperationalError

from sentiment.core.errors import UnavailableError
from sentiment.core.settings import Settings
from sentiment.stores.registry.database_file import file_of, make_tables
from sentiment.stores.registry.runs import Runs


def broken(*_given):
    raise OperationalError("CREATE TABLE runs", {}, Exception("table runs already exists"))


def test_an_interruption_while_the_tables_are_made_leaves_no_file(tmp_path, monkeypatch):
    def interrupted(address, *_given):
        file_of(address).write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(mlflow, "MlflowClient", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_tables(tmp_path / "mlflow" / "mlflow.db")
    assert list((tmp_path / "mlflow").iterdir()) == []


def test_tables_that_another_process_made_meanwhile_stay(tmp_path, monkeypatch):
    file = tmp_path / "mlflow.db"

    def slow(address, *_given):
        file_of(address).write_text("ours")
        file.write_text("theirs")

    monkeypatch.setattr(mlflow, "MlflowClient", slow)
    make_tables(file)
    assert (file.read_text(), list(tmp_path.iterdir())) == ("theirs", [file])


def test_a_file_that_mlflow_cannot_open_is_told_in_a_sentence(tmp_path, monkeypatch):
    file = tmp_path / "mlflow.db"
    file.write_text("no database")
    monkeypatch.setattr(mlflow, "MlflowClient", broken)
    with pytest.raises(UnavailableError, match=rf"MLflow at sqlite:///{file} does not answer as it should"):
        _ = Runs(Settings(home=tmp_path, mlflow_uri=f"sqlite:///{file}"))._client
