"""Which stores and which Delta tables this product reads and writes as they are; others are refused by name.

Other programs write these tables too (an erasure by Spark, a platform's optimiser). What they turn on may change what
a data file means: a deletion vector hides rows of it, a column mapping renames its columns. A store must tell two
writers apart: a commit is a file that only the first of them may create.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from functools import cache
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

from sentiment.core.errors import ContractError
from sentiment.stores.files import is_s3, join
from sentiment.stores.s3 import answering, bucket_and_key, s3_client

_READ = frozenset({"timestampNtz", "columnMapping", "deletionVectors", "v2Checkpoint", "vacuumProtocolCheck"})
_WRITTEN = _READ | {
    *("appendOnly", "invariants", "checkConstraints", "changeDataFeed", "generatedColumns", "domainMetadata"),
    *("rowTracking", "inCommitTimestamp"),
}
# What a table's configuration turns on, with the values that leave it off.
_SWITCHES = {
    "delta.columnMapping.mode": ("none",),
    "delta.appendOnly": ("false",),
    "delta.enableRowTracking": ("false",),
    "delta.enableInCommitTimestamps": ("false",),
}
_READING = ("delta.columnMapping.mode",)
# What other programs ask of each row, which a file written here would not be checked against.
_COLUMN_RULES = ("delta.generationExpression", "delta.invariants", "delta.identity.start")
# What servers answer to a conditional put: of a new name, of one that is taken, and where they know no conditions.
_CREATED, _TAKEN, _UNKNOWN = 200, frozenset({409, 412}), 501


def require_readable(table: DeltaTable) -> None:
    """Raise ContractError for a table whose data files do not say by themselves which rows it holds."""
    turned_on = _unknown(table.protocol().reader_features, _READ) + _switched_on(table, _READING)
    if _hides_rows(table):
        turned_on.append("deletion vectors (rows that were deleted, but stand in its files still)")
    _refuse(table, turned_on, "read")


def require_writable(table: DeltaTable) -> None:
    """Raise ContractError for a table that asks more of its writers than whole files for whole days."""
    turned_on = _unknown(table.protocol().writer_features, _WRITTEN) + _switched_on(table, tuple(_SWITCHES))
    turned_on += [name for name in table.metadata().configuration if name.startswith("delta.constraints.")]
    for field in table.schema().fields:
        turned_on += [f"{rule} of {field.name}" for rule in _COLUMN_RULES if rule in field.metadata]
    _refuse(table, turned_on, "written")


@cache
def require_conditions(root: str, attempts: int | None = None) -> None:
    """Raise ContractError for an S3 that lets two writers create one file: Delta's commits would overwrite each other.

    So it is with one that may not be written to; one that does not answer is an UnavailableError. It is asked once a
    process, as patiently as all else, or in so many `attempts`.
    """
    if not is_s3(root) or _refuses_a_second(root, attempts):
        return
    raise ContractError(
        f"the S3 server of {root} ignores If-None-Match, by which two writers are told apart: commits would be lost "
        "in silence; use a server with conditional writes, such as AWS S3, MinIO or SeaweedFS 4"
    )


def _refuses_a_second(root: str, attempts: int | None) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, key = bucket_and_key(join(root, f".conditions-{uuid.uuid4().hex}"))
    with answering(root):
        client = s3_client(attempts)
        status = _status_of_a_put(client, bucket, key)
        try:
            return (status if status != _CREATED else _status_of_a_put(client, bucket, key)) in _TAKEN
        finally:
            # Whoever may not delete leaves an empty file, which no table names.
            with suppress(BotoCoreError, ClientError):
                client.delete_object(Bucket=bucket, Key=key)


def _status_of_a_put(client: Any, bucket: str, key: str) -> int:
    """Create an object; any answer but those of servers with conditions, and without, is an error of its own."""
    from botocore.exceptions import ClientError

    try:
        client.put_object(Bucket=bucket, Key=key, Body=b"", IfNoneMatch="*")
    except ClientError as error:
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if status not in {*_TAKEN, _UNKNOWN}:
            raise
        return status
    return _CREATED


def _hides_rows(table: DeltaTable) -> bool:
    if "deletionVectors" not in (table.protocol().reader_features or ()):
        return False
    return bool(pa.table(table.deletion_vectors()).num_rows)


def _unknown(features: list[str] | None, known: frozenset[str]) -> list[str]:
    return [f"the feature {name}" for name in features or () if name not in known]


def _switched_on(table: DeltaTable, names: tuple[str, ...]) -> list[str]:
    configuration = table.metadata().configuration
    on = [name for name in names if (value := configuration.get(name)) and value.lower() not in _SWITCHES[name]]
    return [f"{name} = {configuration[name]}" for name in on]


def _refuse(table: DeltaTable, turned_on: list[str], what: str) -> None:
    if turned_on:
        raise ContractError(
            f"the table {table.table_uri} cannot be {what} here, for another program turned on {', '.join(turned_on)}; "
            "take it back with the program that did (in Spark: REORG TABLE … APPLY (PURGE), then ALTER TABLE … "
            "DROP FEATURE or SET TBLPROPERTIES), or let that program rewrite the table without it"
        )
