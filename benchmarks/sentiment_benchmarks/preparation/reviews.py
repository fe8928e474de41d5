"""The import of reviews in pandas: lines in, whole days of Parquet out, by the functions and in the layout of `ingest`.

Every step takes and returns a frame, so that Dask can run the same steps on parts. Nothing is committed to a table.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa

from sentiment.core.errors import ContractError
from sentiment.ingest.config import ImportHistoryConfig
from sentiment.ingest.days import ORDER, ROWS, write_days
from sentiment.ingest.judge import JUDGED, Rules, judge
from sentiment.ingest.landing import Delivery
from sentiment.ingest.lines import LINES, LandedFile, lines_of_reviews
from sentiment.ingest.products import UNKNOWN_CATEGORY
from sentiment.stores.lake.files import write_day_file
from sentiment.stores.lake.schemas import QUARANTINE


def read_lines(delivery: Delivery) -> pd.DataFrame:
    """Read the files' lines, a row of LINES each, as `_columns.json` says.

    Raises ContractError for a file that is refused or cannot be read to its end, of which nothing can be compared.
    """
    each = zip(delivery.files, delivery.names, delivery.options, strict=True)
    files = [LandedFile(file.uri, name, options.model_dump_json(exclude_defaults=True)) for file, name, options in each]
    lines = pa.Table.from_batches([batch for file in files for batch in lines_of_reviews(file)], LINES).to_pandas()
    for kind in ("broken", "refused"):
        for row in lines[lines[kind].notna()].to_dict("records"):
            raise ContractError(f"{row['source_file']} is {kind}: {row[kind]}; mend the file, or leave it out")
    return lines


def judged(lines: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """Parse, clean and judge lines; returns a row of JUDGED for each."""
    batch = pa.RecordBatch.from_pandas(lines, LINES, preserve_index=False)
    rules = Rules(ImportHistoryConfig(source="-"), now.astimezone(UTC))
    return judge(batch, rules).to_pandas(date_as_object=True)


def write(reviews: pd.DataFrame, root: str, now: datetime) -> pd.DataFrame:
    """Write good rows as one file a day and bad ones as a file of the quarantine; returns one row: kept, rejected."""
    bad = reviews["reason"].notna()
    good = reviews[~bad].assign(category=UNKNOWN_CATEGORY, ingested_at=now.astimezone(UTC), fresh=True, former=False)
    table = pa.Table.from_pandas(good[ROWS.names].sort_values(list(ORDER)), ROWS, preserve_index=False)
    kept = sum(sum(day["kept"].to_pylist()) for day in write_days(table.to_batches(), root))
    if bad.any():
        rejected = reviews[bad].assign(ingest_date=now.date())
        batch = pa.RecordBatch.from_pandas(rejected[QUARANTINE.schema.names], QUARANTINE.schema, preserve_index=False)
        write_day_file(root, QUARANTINE, now.date(), [batch])
    return pd.DataFrame({"kept": [kept], "rejected": [int(bad.sum())]})


def empty() -> pd.DataFrame:
    """Return no rows of JUDGED, for an engine that has to know the columns beforehand."""
    return JUDGED.empty_table().to_pandas(date_as_object=True)
