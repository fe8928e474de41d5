"""Where things are: variables of the environment and .env, misspelt ones, and folders that nothing could open."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from sentiment import cli
from sentiment.cli import _sentence
from sentiment.core.errors import ContractError, UnavailableError
from sentiment.core.settings import PROJECT, Settings
from sentiment.stores.spark_connect import require_server
from sentiment_local import airflow_cli


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("SENTIMENT_HOEM", "SENTIMENT_HOME"),
        ("SENTIMENT_LANDNG", "SENTIMENT_LANDING"),
        ("SENTIMENT_MLFLOW_URL", "SENTIMENT_MLFLOW_URI"),
        ("SENTIMENT_ALLOWED_HOST", "SENTIMENT_ALLOWED_HOSTS"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_nearest_one(home, variable, meant, monkeypatch, capsys):
    monkeypatch.setenv(variable, "secret")
    assert cli.main(["status"]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith(f"{variable} is no setting; did you mean {meant}?")


def test_a_misspelt_variable_of_the_file_is_refused_as_well(home, monkeypatch):
    file = home / "of.env"
    file.write_text("POSTGRES_PASSWORD=x\nSENTIMENT_LAKEE=/data\n")
    monkeypatch.setitem(Settings.model_config, "env_file", file)
    with pytest.raises(ValidationError, match="SENTIMENT_LAKEE is no setting; did you mean SENTIMENT_LAKE"):
        Settings()


def test_a_file_of_settings_that_is_not_utf_8_is_named_with_what_to_do(home, monkeypatch, capsys):
    (file := home / "of.env").write_bytes("SENTIMENT_LAKE=/data/Wäsche\n".encode("latin-1"))
    monkeypatch.setitem(Settings.model_config, "env_file", file)
    assert cli.main(["status"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"{file} is not in UTF-8; save it as that")


def test_airflows_own_commands_name_what_is_wrong_in_the_settings(home, monkeypatch):
    monkeypatch.setattr(airflow_cli, "inherited", lambda: dict(os.environ))
    (file := home / "of.env").write_bytes("SENTIMENT_LAKE=/data/Wäsche\n".encode("latin-1"))
    monkeypatch.setitem(Settings.model_config, "env_file", file)
    with pytest.raises(ContractError, match=r"of\.env is not in UTF-8; save it as that"):
        airflow_cli.main()
    file.write_text("SENTIMENT_AIRFLOW_PORT=80a\n")
    with pytest.raises(ContractError, match=r"^in the settings, SENTIMENT_AIRFLOW_PORT: Input should be a valid int"):
        airflow_cli.main()


def test_variables_that_a_cluster_makes_for_a_service_of_our_name_are_told_once(home, monkeypatch, caplog):
    monkeypatch.setenv("SENTIMENT_MLFLOW_SERVICE_PORT", "5000")
    with caplog.at_level(logging.WARNING):
        Settings(), Settings()
    assert [record.getMessage().split()[0] for record in caplog.records] == ["SENTIMENT_MLFLOW_SERVICE_PORT"]


def test_what_kubernetes_puts_beside_a_service_of_our_name_is_nobodys_setting(home, monkeypatch, caplog):
    for name in ("MLFLOW_PORT", "AIRFLOW_PORT", "SPARK_MASTER_PORT", "DATABASE_PORT", "MLFLOW_PORT_5000_TCP"):
        monkeypatch.setenv(f"SENTIMENT_{name}", "tcp://10.0.0.7:5000")
    assert (Settings().mlflow_port, Settings().airflow_port) == (5000, 8080)
    assert caplog.records == []


def test_a_setting_that_is_refused_does_not_tell_the_others(home, monkeypatch):
    monkeypatch.setenv("SENTIMENT_DATABASE", "postgresql://airflow:S3cret@db")
    monkeypatch.setenv("SENTIMENT_LANDNG", "x")
    with pytest.raises(ValidationError, match="SENTIMENT_LANDNG is no setting") as refused:
        Settings()
    assert "S3cret" not in str(refused.value)


def test_a_home_may_begin_with_a_tilde_and_be_given_from_here(home, monkeypatch):
    monkeypatch.setenv("HOME", str(home / "me"))
    monkeypatch.setenv("SENTIMENT_HOME", "~/reviews")
    monkeypatch.setenv("SENTIMENT_LAKE", "~/lake")
    assert (Settings().home, Settings().lake_root) == (home / "me" / "reviews", str(home / "me" / "lake"))
    monkeypatch.chdir(home)
    assert Settings(home=Path("x"), landing="days").landing_root == str(home / "days")
    assert Settings(home=Path("x")).home == home / "x"
    assert Settings(lake="s3://reviews/~/lake").lake_root == "s3://reviews/~/lake"


PLACES = {
    "home": "data",
    "landing": "data/days",
    "lake": "a:b",
    "products": "../products",
    "artifacts": "~/models",
    "mlflow_uri": "sqlite:///data/mlflow.db",
    "studies": "sqlite:///studies.db",
}


def test_relative_places_of_the_file_begin_in_the_projects_folder_wherever_one_stands(home, monkeypatch):
    (file := home / "of.env").write_text("".join(f"SENTIMENT_{name.upper()}={at}\n" for name, at in PLACES.items()))
    monkeypatch.setitem(Settings.model_config, "env_file", file)
    for name in PLACES:
        monkeypatch.delenv(f"SENTIMENT_{name.upper()}", raising=False)
    monkeypatch.setenv("HOME", str(home / "me"))
    monkeypatch.chdir(home)
    read = Settings()
    assert (read.home, read.landing, read.lake) == (PROJECT / "data", str(PROJECT / "data/days"), str(PROJECT / "a:b"))
    assert (Path(read.products).resolve(), read.artifacts) == (PROJECT.parent / "products", str(home / "me" / "models"))
    assert (read.mlflow_uri, read.studies) == (f"sqlite:///{PROJECT}/data/mlflow.db", f"sqlite:///{PROJECT}/studies.db")


@pytest.mark.parametrize("line", ["HOME=~nobody-of-this-name/x", "LAKE=s3:bucket/lake", "MLFLOW_URI=mlruns"])
def test_what_the_file_may_not_say_is_said_with_its_name_as_of_the_environment(home, monkeypatch, capsys, line):
    (file := home / "of.env").write_text(f"SENTIMENT_{line}\n")
    monkeypatch.setitem(Settings.model_config, "env_file", file)
    monkeypatch.delenv(name := f"SENTIMENT_{line.partition('=')[0]}", raising=False)
    assert cli.main(["status"]) == 1
    assert f"in the settings, {name}: " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["mlflow_uri", "studies"])
def test_a_file_of_sqlite_is_the_same_for_a_shell_and_for_airflows_tasks(home, monkeypatch, name):
    monkeypatch.chdir(home)
    given = Settings(**{name: "sqlite:///x/a.db"})
    assert given.as_environment()[f"SENTIMENT_{name.upper()}"] == f"sqlite:///{home}/x/a.db"
    for address in ("sqlite:////x/a.db", "sqlite:///:memory:", "postgresql://u:p@h/x", "sqlite:///file:a.db?uri=true"):
        assert getattr(Settings(**{name: address}), name) == address


@pytest.mark.parametrize("name", ["what?", "no #1", "50%25", "line\nbreak"])
def test_a_home_that_no_address_can_hold_is_refused(home, name, monkeypatch, capsys):
    for variable in ("SENTIMENT_HOME", "SENTIMENT_LAKE"):
        with monkeypatch.context() as patch:
            patch.setenv(variable, str(home / name))
            assert cli.main(["status"]) == 1
        assert f"{variable}: the folder" in capsys.readouterr().err
    with pytest.raises(ValidationError, match="which addresses cannot hold"):
        Settings(lake=f"s3://reviews/{name}")


@pytest.mark.parametrize("name", ["LANDING", "LAKE", "PRODUCTS"])
@pytest.mark.parametrize(
    "place",
    [
        *("file:///data/reviews", "file:/data/reviews", "s3a://bucket/reviews", "S3://bucket", "gs://bucket/reviews"),
        *("s3:/bucket/lake", "s3:bucket/lake", "S3:bucket", "s3:///lake"),
    ],
)
def test_a_place_of_another_kind_than_a_folder_or_s3_is_refused(home, name, place, monkeypatch, capsys):
    monkeypatch.setenv(f"SENTIMENT_{name}", place)
    assert cli.main(["report"]) != 0
    assert f"{place} is no folder and no place in a bucket of S3; write /a/folder or s3://" in capsys.readouterr().err


def test_a_folder_with_a_colon_in_its_name_is_a_folder(home, monkeypatch):
    monkeypatch.setenv("HOME", str(home / "me"))
    monkeypatch.chdir(home)
    given = dict.fromkeys(("landing", "products"), "~/a:b") | dict.fromkeys(("lake", "artifacts"), "a:b")
    found = Settings(**given)
    assert {found.landing_root, found.products_root} == {str(home / "me" / "a:b")}
    assert {found.lake_root, found.artifact_root} == {str(home / "a:b")}
    with pytest.raises(ValidationError, match="which addresses cannot hold"):
        Settings(lake="a:b?")


@pytest.mark.parametrize("place", ["mlflow-artifacts:/a", "gs://bucket/a", "s3://bucket/a"])
def test_artifacts_may_lie_where_mlflow_keeps_them_and_a_misspelt_s3_is_said(place):
    assert Settings(artifacts=place).artifact_root == place
    with pytest.raises(ValidationError, match="no place in a bucket of S3"):
        Settings(artifacts="s3:/bucket/a")


def test_the_home_of_nobody_is_refused(monkeypatch):
    with pytest.raises(ValidationError, match="a user that this machine does not know"):
        Settings(home=Path("~nobody-of-this-name/x"))


def test_an_empty_variable_is_none(home, monkeypatch):
    for name in ("SENTIMENT_HOME", "SENTIMENT_AIRFLOW_PORT", "SENTIMENT_LAKE"):
        monkeypatch.setenv(name, "")
    assert (Settings().home, Settings().airflow_port) == (Settings.model_fields["home"].default, 8080)


def test_another_process_reads_the_same_settings_whatever_its_own_environment_says(monkeypatch, tmp_path):
    file = tmp_path / ".env"
    file.write_text("SENTIMENT_LAKE=s3://another/lake\nSENTIMENT_STUDIES=another.journal\n")
    monkeypatch.setitem(Settings.model_config, "env_file", file)
    given = Settings(home=tmp_path, lake="", studies="", spark_memory="3g", database="postgresql://u:secret@host")
    variables = given.as_environment()
    assert "secret" not in str(variables)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    read = Settings()
    assert (read.home, read.spark_memory) == (tmp_path, "3g")
    roots = ("landing_root", "lake_root", "products_root", "artifact_root", "tracking_uri", "study_storage")
    assert [getattr(read, name) for name in roots] == [getattr(given, name) for name in roots]


def test_in_another_home_no_place_of_the_deployment_is_left(tmp_path):
    moved = Settings(lake="s3://reviews/lake", artifacts="/mnt/models").in_home(tmp_path, spark_master="local[7]")
    assert (moved.lake_root, moved.spark_master) == (str(tmp_path / "lake"), "local[7]")
    assert moved.artifact_root == str(tmp_path / "mlflow" / "artifacts")


@pytest.mark.parametrize(
    "master",
    [
        *("sail", "sail[2]", " sail[*] ", "local[*]", "local[2,3]", "spark://a:7077,b:7077", "spark://[::1]:7077"),
        *("sc://host", "sc://[::1]:15002/;token=x"),
    ],
)
def test_a_master_of_spark_may_be_written_with_blanks_around(master):
    assert Settings(spark_master=master).spark_master == master.strip()


def test_the_token_of_a_spark_connect_server_is_not_repeated():
    with pytest.raises(ValidationError, match=r"'sc:/127.0.0.1' is no master") as refused:
        Settings(spark_master="sc:/127.0.0.1;token=xyzzy")
    assert "xyzzy" not in _sentence(refused.value, "SENTIMENT_")
    with pytest.raises(UnavailableError, match=r"the Spark Connect server sc://127\.0\.0\.1:1/:") as said:
        require_server("sc://127.0.0.1:1/;token=xyzzy")
    assert "xyzzy" not in str(said.value)


@pytest.mark.parametrize(
    "master", ["SAIL", "sail[0]", "sail[x]", "sail[2", "sail[99999999]", " ", "yarn", "sc://", "sc://host:abc"]
)
def test_what_is_no_master_of_spark_is_refused_with_those_that_there_are(master):
    with pytest.raises(ValidationError, match=r"is no master of Spark; take sail, sail\[2\], local"):
        Settings(spark_master=master)


@pytest.mark.parametrize(
    "address", ["127.0.0.1:5000", "http://127.0.0.1:abc", "mlruns", "localhost:5000", "http://h:0"]
)
def test_an_address_of_mlflow_that_is_none_is_said(monkeypatch, address):
    monkeypatch.setenv("SENTIMENT_MLFLOW_URI", address)
    with pytest.raises(ValueError, match="this is no address; write http://host:5000"):
        Settings()


@pytest.mark.parametrize(
    "address",
    ["http://h:5000", "https://u:p@h/mlflow/", "sqlite:////a/b.db", "postgresql://u:p@h:5432/m", "databricks"],
)
def test_an_address_of_mlflow_may_be_of_a_server_or_of_a_database(address):
    assert Settings(mlflow_uri=address).mlflow_uri == address
