"""Which Delta tables this product reads and writes as they are: a feature that it does not know is refused by name.

Other programs write these tables too (an erasure by Spark, a platform's optimiser). What they turn on may change what
a data file means: a deletion vector hides rows of it, a column mapping renames its columns. It knows the log,
no data file.
"""

from __future__ import annotations

import pyarrow as pa
from deltalake import DeltaTable

from sentiment.core.errors import ContractError

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


def require_readable(table: DeltaTable) -> None:
    """Raise ContractError for a table whose data files do not say by themselves which rows it holds."""
    found = _unknown(table.protocol().reader_features, _READ) + _switched_on(table, _READING)
    if _hides_rows(table):
        found.append("deletion vectors (rows that were deleted, but stand in its files still)")
    _refuse(table, found, "read")


def require_writable(table: DeltaTable) -> None:
    """Raise ContractError for a table that asks more of its writers than whole files for whole days."""
    found = _unknown(table.protocol().writer_features, _WRITTEN) + _switched_on(table, tuple(_SWITCHES))
    found += [name for name in table.metadata().configuration if name.startswith("delta.constraints.")]
    for field in table.schema().fields:
        found += [f"{rule} of {field.name}" for rule in _COLUMN_RULES if rule in field.metadata]
    _refuse(table, found, "written")


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


def _refuse(table: DeltaTable, found: list[str], what: str) -> None:
    if found:
        raise ContractError(
            f"the table {table.table_uri} cannot be {what} here, for another program turned on {', '.join(found)}; "
            "take it back with the program that did (in Spark: REORG TABLE … APPLY (PURGE), then ALTER TABLE … "
            "DROP FEATURE or SET TBLPROPERTIES), or let that program rewrite the table without it"
        )
