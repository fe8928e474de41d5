"""What MLflow's errors mean, wherever they come from, and that none of them shows a password."""

import errno
import http.server
import logging
import ssl
import threading
import traceback

import httpx
import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError, EndpointConnectionError
from mlflow import exceptions
from mlflow.exceptions import MlflowException, RestException
from mlflow.store.artifact import artifact_repo
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from certificates import write_certificate
from sentiment.core.errors import ConcurrentWriteError, ContractError, UnavailableError
from sentiment.stores.registry.answers import AbsentError, Answering, require_answer
from sentiment.stores.registry.pages import without_password

SECRET = "http://mlops:S3cr@t@mlflow.example:5000"


class Client:
    """Raises what it was given, as MLflow's client would."""

    version = 3

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get_run(self, run_id: str) -> str:
        raise self.error


def of_library(library: str, status: int | None) -> Exception:
    """Return an error of a library, with the answer that it carries."""
    error = type("Error", (Exception,), {"__module__": f"{library}.exceptions"})("it says so")
    if library == "botocore" and status:
        error.response = {"ResponseMetadata": {"HTTPStatusCode": status}}
    elif status:
        error.response = httpx.Response(status)
    return error


@pytest.mark.parametrize(
    ("error", "meant"),
    [
        (MlflowException("no run", exceptions.RESOURCE_DOES_NOT_EXIST), AbsentError),
        (RestException({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no run"}), AbsentError),
        (MlflowException("no such name", exceptions.INVALID_PARAMETER_VALUE), ContractError),
        (MlflowException("not you", exceptions.PERMISSION_DENIED), ContractError),
        (MlflowException("there already", exceptions.RESOURCE_ALREADY_EXISTS), ConcurrentWriteError),
        (MlflowException("API request to the server failed: connection refused"), UnavailableError),
        (MlflowException("database is locked", exceptions.TEMPORARILY_UNAVAILABLE), UnavailableError),
        (MlflowException("connection already closed", exceptions.BAD_REQUEST), UnavailableError),
        (RestException({"error_code": "SOMETHING_NEW", "message": "?"}), UnavailableError),
        (of_library("requests", None), UnavailableError),
        (of_library("requests", 502), UnavailableError),
        (of_library("requests", 404), AbsentError),
        (of_library("botocore", 404), AbsentError),
        (of_library("botocore", 403), ContractError),
        (of_library("botocore", 503), UnavailableError),
        (of_library("sqlalchemy", None), UnavailableError),
    ],
)
def test_only_what_is_known_to_be_an_answer_is_taken_for_one(error, meant):
    with pytest.raises(Exception) as raised:  # noqa: PT011
        Answering(Client(error), "http://mlflow:5000").get_run("r")
    assert type(raised.value) is meant
    who = "the S3 that keeps MLflow's files" if "botocore" in type(error).__module__ else "MLflow at http://mlflow:5000"
    assert str(raised.value).startswith(who)


def test_errors_that_are_not_mlflows_pass_and_what_is_no_function_is_given_as_it_is():
    with pytest.raises(OSError, match="No space left"):
        Answering(Client(OSError(28, "No space left on device")), "http://mlflow").get_run("r")
    assert Answering(Client(ValueError()), "http://mlflow").version == 3


def said_by_s3(code: str, operation: str = "HeadObject") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "it says so"}}, operation)


@pytest.mark.parametrize(
    ("error", "meant"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/home/a"), OSError),
        (PermissionError(errno.EACCES, "Permission denied", "/home/a"), PermissionError),
        (said_by_s3("403"), ContractError),
        (said_by_s3("AccessDenied", "GetObject"), ContractError),
        (said_by_s3("404"), AbsentError),
        (said_by_s3("NoSuchKey", "GetObject"), AbsentError),
        (said_by_s3("503"), UnavailableError),
        (said_by_s3("SlowDown", "GetObject"), UnavailableError),
        (EndpointConnectionError(endpoint_url="http://s3:9000"), UnavailableError),
        (MlflowException("no such artifact", exceptions.RESOURCE_DOES_NOT_EXIST), AbsentError),
    ],
)
@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
def test_what_a_download_met_stays_what_it_is_and_the_first_file_stands_for_all(
    error, meant, level, tmp_path, monkeypatch, caplog
):
    def failing(*_: object, **__: object) -> None:
        raise error

    for folder, names in (("kept", "ab"), ("here", "")):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).touch()
    caplog.set_level(level, artifact_repo.__name__)
    monkeypatch.setattr(LocalArtifactRepository, "_download_file", failing)
    kept = LocalArtifactRepository(str(tmp_path / "kept"))
    with pytest.raises(Exception) as raised:  # noqa: PT011
        Answering(kept, "http://mlflow:5000").download_artifacts("", str(tmp_path / "here"))
    assert type(raised.value) is meant
    said = str(raised.value)
    assert getattr(error, "errno", None) == getattr(raised.value, "errno", None)
    assert said.startswith("the S3 that keeps MLflow's files") == isinstance(error, ClientError)
    assert said.count(str(error)) == 1
    assert "\n" not in said


@pytest.mark.parametrize(("code", "meant"), [("AccessDenied", ContractError), ("SlowDown", UnavailableError)])
def test_an_s3_that_refuses_an_upload_is_no_outage(code, meant):
    error = S3UploadFailedError(f"Failed to upload a to bucket/a: {said_by_s3(code, 'PutObject')}")
    with pytest.raises(Exception, match="the S3 that keeps MLflow's files") as raised:
        Answering(Client(error), "http://mlflow:5000").get_run("r")
    assert type(raised.value) is meant


def test_no_password_of_the_address_is_shown_in_an_error_or_in_what_stands_behind_it():
    error = MlflowException(f"API request to {SECRET}/api/2.0/mlflow/runs/get failed")
    with pytest.raises(UnavailableError) as raised:
        Answering(Client(error), SECRET).get_run("r")
    shown = "".join(traceback.format_exception(raised.value))
    assert "http://mlflow.example:5000/api/2.0/mlflow/runs/get" in shown
    assert "S3cr" not in shown
    with pytest.raises(UnavailableError) as raised:
        require_answer(SECRET.replace("mlflow.example:5000", "127.0.0.1:9"))
    assert "S3cr" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://mlops:S3cret@mlflow.example/", "https://mlflow.example/"),
        ("postgresql+psycopg2://me:a@b@db:5432/mlflow", "postgresql+psycopg2://db:5432/mlflow"),
        ("postgresql://me:a/b@c/d@db/mlflow", "postgresql://db/mlflow"),
        ("postgresql://me:a@b/c@db/mlflow", "postgresql://db/mlflow"),
        ("http://[::1]:5000/#/runs/a@b", "http://[::1]:5000/#/runs/a@b"),
        (
            "postgresql://db/mlflow?user=me&password=x&sslmode=require",
            "postgresql://db/mlflow?user=me&password=&sslmode",
        ),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
        ("http://127.0.0.1:5000/#/runs/a@b", "http://127.0.0.1:5000/#/runs/a@b"),
    ],
)
def test_an_address_is_shown_without_its_password(address, shown):
    assert without_password(address).startswith(shown)


@pytest.mark.parametrize(("host", "ours"), [("127.0.0.1", True), ("localhost", True), ("mlflow.invalid", False)])
def test_of_an_mlflow_elsewhere_nobody_is_told_to_start_the_platform(host, ours):
    with pytest.raises(UnavailableError, match="does not answer") as raised:
        require_answer(f"http://{host}:9")
    assert ("start the platform" in str(raised.value)) is ours


class Answer(http.server.BaseHTTPRequestHandler):
    """Answers every question with the status of its server."""

    def do_GET(self) -> None:
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answers():
    """Start servers that answer with a status, over TLS where a certificate is given; give their ports."""
    started = []

    def start(status, certificate=None):
        server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
        server.status = status
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return server.server_port

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def test_what_stands_before_a_server_that_is_gone_does_not_answer_for_it(answers):
    with pytest.raises(UnavailableError, match="what stands before it gives 502"):
        require_answer(f"http://127.0.0.1:{answers(502)}")


@pytest.mark.parametrize("variable", ["MLFLOW_TRACKING_SERVER_CERT_PATH", "REQUESTS_CA_BUNDLE"])
def test_a_server_with_a_certificate_of_the_company_is_known_as_mlflows_client_knows_it(
    variable, answers, tmp_path, monkeypatch
):
    certificate = write_certificate(tmp_path / "own.pem")
    address = f"https://localhost:{answers(200, certificate)}"
    with pytest.raises(UnavailableError, match="certificate verify failed"):
        require_answer(address)
    with monkeypatch.context() as patch:
        patch.setenv(variable, str(certificate))
        require_answer(address)
    with monkeypatch.context() as patch:
        patch.setenv(variable, str(tmp_path / "nowhere.pem"))
        with pytest.raises(ContractError, match=f"the certificates of {variable} cannot be read"):
            require_answer(address)
        require_answer(f"http://127.0.0.1:{answers(200)}")
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    require_answer(address)
