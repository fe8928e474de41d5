"""Stores that are out of order: one that forgets conditions, and one that answers nothing but 503 for a while."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from sentiment.core.errors import BrokenFileError, ContractError, UnavailableError
from sentiment.readers import parquet
from sentiment.stores import files as storage
from sentiment.stores import s3
from sentiment.stores.lake.protocol import require_conditions
from sentiment.stores.lake.schemas import PROMOTIONS, REVIEWS
from sentiment.stores.lake.states import day_states
from sentiment.stores.lake.tables import Lake
from sentiment_local.doctor import check_store

EMPTY = b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><KeyCount>0</KeyCount></ListBucketResult>'
# Longer than the clients' own patience: 4 s of deltalake, 2 of pyarrow.
OUTAGE = 7.0


class Store(ThreadingHTTPServer):
    """An S3 of one method each: it keeps the names that were put, and answers 503 until a moment."""

    def __init__(self, second: int) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.second, self.down_until, self.names = second, 0.0, set[str]()
        self.read_only, self.refused, self.asked = False, 0, list[str]()
        self.to_readers: tuple[int, str] | None = None


class Answer(BaseHTTPRequestHandler):
    """What the store answers: to a second conditional put of a name, `second`."""

    protocol_version = "HTTP/1.1"
    server: Store

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.read_only:
            self.server.refused += 1
            self._say(403)
            return
        taken = self.path in self.server.names and "If-None-Match" in self.headers
        self.server.names.add(self.path)
        self._say(self.server.second if taken else 200)

    def do_DELETE(self) -> None:
        self.server.names.discard(self.path)
        self._say(204)

    def do_GET(self) -> None:
        if self.server.to_readers:
            status, code = self.server.to_readers
            self._say(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())
            return
        listed = "list-type" in self.path
        self._say(200 if listed else 404, EMPTY if listed else b"<Error><Code>NoSuchKey</Code></Error>")

    def do_HEAD(self) -> None:
        self._say(404)

    def log_message(self, *_: object) -> None: ...

    def _say(self, status: int, body: bytes = b"") -> None:
        self.server.asked.append(self.command)
        down = time.monotonic() < self.server.down_until
        self.send_response(503 if down else status)
        self.send_header("Content-Length", "0" if down or self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if not down and self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture
def store(monkeypatch) -> Iterator[Callable[[int], Store]]:
    """Start a store, and configure S3 as a deployment does."""
    running: list[Store] = []

    def start(second: int = 412) -> Store:
        server = Store(second)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in {
            **{"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}", "AWS_REGION": "us-east-1"},
            **{"AWS_ACCESS_KEY_ID": "reviews", "AWS_SECRET_ACCESS_KEY": "only-for-this-test"},
            **{"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "AWS_EC2_METADATA_DISABLED": "true"},
        }.items():
            monkeypatch.setenv(name, value)
        require_conditions.cache_clear()
        return server

    yield start
    require_conditions.cache_clear()
    for server in running:
        server.shutdown()
        server.server_close()


ASKED = {
    "listed": storage.list_files,
    "read": lambda place: storage.read_bytes(f"{place}/note.json"),
    "opened": lambda place: storage.open_binary(f"{place}/note.json"),
    "written": lambda place: storage.write_bytes(f"{place}/note.json", b"new"),
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("trouble", ["it answers 503", "nobody is there"])
def test_a_store_that_is_down_is_said_and_may_be_asked_again(store, monkeypatch, asked, trouble):
    monkeypatch.setattr(s3, "BOTO_ATTEMPTS", 1)
    server = store()
    server.down_until = time.monotonic() + 600
    if trouble == "nobody is there":
        server.shutdown()
        server.server_close()
    with pytest.raises(UnavailableError, match=r"the S3 of s3://reviews/landing.* does not answer.*, try again: "):
        asked("s3://reviews/landing")


@pytest.mark.parametrize("asked", [*ASKED.values(), lambda place: Lake(place).read(REVIEWS)], ids=[*ASKED, "a table"])
@pytest.mark.parametrize("address", ["s3.example.com", "localhost:8333", "//localhost:8333", "http://", "ftp://host"])
def test_an_address_without_scheme_or_host_is_said_by_the_name_of_its_variable(store, monkeypatch, asked, address):
    store()
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    with pytest.raises(ContractError, match="AWS_ENDPOINT_URL is no address; write http://"):
        asked("s3://reviews/landing")
    check = check_store("s3://reviews/landing")
    assert (check.ok, "AWS_ENDPOINT_URL is no address" in check.detail) == (False, True)


@pytest.mark.parametrize("asked", [s3.s3_client, s3.s3_filesystem, s3.delta_options])
def test_an_address_that_is_empty_is_none(store, monkeypatch, asked):
    store()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "")
    asked()
    # Also for deltalake, which reads the environment by itself.
    assert "AWS_ENDPOINT_URL" not in os.environ


def test_both_clients_reach_a_store_by_the_proxy_of_the_environment_and_in_its_region(store, monkeypatch):
    proxy = f"127.0.0.1:{store().server_port}"  # without a scheme, as some write it
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://nowhere.invalid")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    for name, value in {"http_proxy": proxy, "HTTP_PROXY": proxy, "no_proxy": "localhost", "NO_PROXY": ""}.items():
        monkeypatch.setenv(name, value)
    assert storage.list_files("s3://reviews/landing") == []
    assert s3.s3_filesystem().get_file_info("reviews/landing").type.name == "NotFound"
    assert (s3.s3_client().meta.region_name, s3.s3_filesystem().region) == ("eu-central-1", "eu-central-1")
    monkeypatch.setenv("no_proxy", "nowhere.invalid")
    assert s3._proxy("http://nowhere.invalid") is None


def test_a_parquet_file_of_a_store_that_is_down_is_not_called_broken(store, monkeypatch):
    monkeypatch.setattr(s3, "_ARROW_ATTEMPTS", 1)
    server = store()
    server.down_until = time.monotonic() + 600
    with pytest.raises(UnavailableError, match=r"the S3 of s3://reviews/in\.parquet does not answer as it should"):
        parquet.schema_of("s3://reviews/in.parquet")
    server.down_until = 0.0
    with pytest.raises(BrokenFileError):  # it is not there
        parquet.schema_of("s3://reviews/in.parquet")


def test_a_store_that_forbids_is_said_with_what_a_person_can_do(store):
    store().read_only = True
    with pytest.raises(ContractError, match=r"S3 refuses s3://reviews/note: .*403.*; correct the AWS_\* variables, or"):
        storage.write_bytes("s3://reviews/note", b"new")


def test_a_store_that_may_not_be_written_to_is_said_at_the_first_write_and_by_the_doctor(store):
    store().read_only = True
    with pytest.raises(ContractError, match=r"S3 refuses s3://reviews/lake: .*403.*; correct the AWS_\* variables, or"):
        Lake("s3://reviews/lake").grown(REVIEWS)
    check = check_store("s3://reviews/lake")
    assert (check.ok, "S3 refuses" in check.detail) == (False, True)


def test_the_doctor_says_within_seconds_that_a_store_is_down(store):
    server = store()
    server.down_until = time.monotonic() + 600
    check = check_store("s3://reviews/lake")
    assert (check.ok, "does not answer as it should" in check.detail) == (False, True)
    assert len(server.asked) <= 3


@pytest.mark.parametrize("end", [UnavailableError, KeyboardInterrupt])
def test_a_store_that_is_down_is_not_asked_to_remove_what_it_never_took(store, monkeypatch, end):
    monkeypatch.setattr(s3, "BOTO_ATTEMPTS", 1)
    server = store()
    server.down_until = time.monotonic() + 600
    if end is KeyboardInterrupt:
        monkeypatch.setattr(s3.s3_client(), "put_object", _interrupted)
    with pytest.raises(end):
        require_conditions("s3://reviews/lake")
    assert "DELETE" not in server.asked


def _interrupted(**_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("answer", [200, 501])
def test_a_store_that_lets_two_writers_create_one_file_is_refused_before_the_first_write(store, answer):
    server = store(answer)
    with pytest.raises(ContractError, match=r"s3://reviews/lake ignores If-None-Match.*use a server with conditional"):
        Lake("s3://reviews/lake").grown(REVIEWS)
    assert server.names == set()
    check = check_store("s3://reviews/lake")
    assert (check.ok, "ignores If-None-Match" in check.detail) == (False, True)


@pytest.mark.parametrize("answer", [409, 412])
def test_a_store_that_refuses_the_second_writer_passes_and_keeps_nothing_of_the_question(store, answer):
    server = store(answer)
    require_conditions("s3://reviews/lake")
    assert check_store("s3://reviews/lake").ok
    assert server.names == set()


def test_whoever_may_only_read_asks_everything_of_a_lake(store):
    server = store()
    server.read_only = True
    lake = Lake("s3://reviews/lake")
    assert lake.read(REVIEWS).num_rows == lake.read(PROMOTIONS).num_rows == 0
    assert (lake.content(REVIEWS), lake.written_days(REVIEWS, [date(2014, 5, 5)])) == ({}, set())
    assert day_states(lake, [date(2014, 5, 5)]) == {date(2014, 5, 5): "missing"}
    assert server.refused == 0


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ((403, "AccessDenied"), ContractError, r"S3 refuses s3://reviews/lake/reviews.*AWS_"),
        ((400, "ExpiredToken"), UnavailableError, r"s3://reviews/lake/reviews.* try again"),
        ((404, "NoSuchBucket"), ContractError, r"there is no bucket 'reviews'"),
    ],
)
def test_what_a_store_refuses_of_a_table_is_told_from_what_another_try_mends(store, answer, error, said):
    store().to_readers = answer
    with pytest.raises(error, match=said) as raised:
        Lake("s3://reviews/lake").read(REVIEWS)
    assert "\n" not in str(raised.value)


def test_a_folder_is_asked_nothing(tmp_path: Path):
    require_conditions(str(tmp_path / "lake"))
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_answers_503_for_a_while_is_waited_for_by_all_three_clients(store):
    store().down_until = time.monotonic() + OUTAGE
    filesystem, path = storage.arrow_filesystem("s3://reviews/nothing")
    found: dict[str, object] = {}
    asked = {
        "boto3": lambda: storage.read_bytes("s3://reviews/nothing"),
        "pyarrow": lambda: filesystem.get_file_info(path).is_file,
        "deltalake": lambda: DeltaTable("s3://reviews/nothing", storage_options=s3.delta_options()),
    }

    def ask(name: str) -> None:
        try:
            found[name] = asked[name]()
        except TableNotFoundError:
            found[name] = "no table"

    askers = [threading.Thread(target=ask, args=(name,)) for name in asked]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(60)
    assert found == {"boto3": None, "pyarrow": False, "deltalake": "no table"}
