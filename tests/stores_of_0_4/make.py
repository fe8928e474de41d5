"""Makes the stores beside it with version 0.4 of this product: a lake, a snapshot, an MLflow with one version, scores.

Run once, with the code and the tests of that version in PYTHONPATH, in a checkout of it:

    PYTHONPATH=include:tests python make.py FOLDER

FOLDER is a new one. What lies under its `home` is then packed as stores.tar.gz: the lake, the artifacts without
pictures and reports, and MLflow's database as SQL, in which HOME stands for the home's address.
"""

import json
import os
import sqlite3
import sys
import tarfile
from datetime import date, timedelta
from pathlib import Path

FOLDER = Path(sys.argv[1])
HOME = FOLDER / "home"
os.environ |= {
    "SENTIMENT_HOME": str(HOME),
    "SENTIMENT_MLFLOW_URI": f"sqlite:///{HOME}/mlflow/mlflow.db",
    "SENTIMENT_SPARK_MASTER": "local[1]",
    "HF_HUB_OFFLINE": "1",
}
DAYS = [date(2014, 5, 5) + timedelta(n) for n in range(2)]
SNAPSHOT = "0123456789ab"
SIZES = {"train": 400, "validation": 100, "test": 120}


def main() -> None:
    import tiny
    from conftest import fill, lake_review
    from sentiment import config as c
    from sentiment import pipeline
    from sentiment.lake.schemas import REVIEWS

    settings = c.Settings()
    known = tiny.reviews(20)
    days = {
        day: [lake_review(day, n, title=known.titles[n], text=known.texts[n], rating=1.0 + n % 5) for n in range(20)]
        for day in DAYS
    }
    fill(settings.lake_root, REVIEWS, days)
    write_snapshot(settings.lake_root)
    train = c.TrainConfig(
        family="linear",
        buckets=2**9,
        snapshot=SNAPSHOT,
        train_reviews=100,
        test_reviews=100,
        encoder=str(tiny.write_encoder(HOME / "encoder")),
    )
    run = pipeline.train(train)
    pipeline.export(c.ExportConfig(run_id=run["run_id"], parity_reviews=50, max_accuracy_loss=0.05))
    pipeline.promote(c.PromoteConfig())
    for day in DAYS:
        pipeline.score(c.ScoreConfig(day=day))
    pack()


def write_snapshot(lake: str) -> None:
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    import tiny

    folder = Path(lake) / "snapshots" / SNAPSHOT
    folder.mkdir(parents=True)
    for seed, (split, size) in enumerate(SIZES.items()):
        some = tiny.reviews(size, seed)
        columns = {"review_key": some.keys, "title": some.titles, "text": some.texts, "label": some.labels}
        columns |= {"rating": np.where(some.labels == 1, 5.0, 1.0), "category": ["Phones"] * size}
        columns |= {"review_date": [date(2014, 5, 1)] * size, "sample_order": list(range(size))}
        parquet.write_table(pa.table(columns), folder / f"{split}.parquet", compression="zstd")
    manifest = {
        "id": SNAPSHOT,
        "config": {"dataset": "lake"},
        "files": {split: [f"{split}.parquet"] for split in SIZES},
        "splits": {split: {"reviews": size} for split, size in SIZES.items()},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def pack() -> None:
    database = HOME / "mlflow" / "mlflow.db"
    with sqlite3.connect(database) as connection:
        said = "\n".join(connection.iterdump()).replace(str(HOME), "HOME")
    (HOME / "mlflow.sql").write_text(said, encoding="utf-8")

    def wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        shown = member.name.endswith((".html", ".png", ".svg")) or "/pictures" in member.name
        return None if shown else member

    with tarfile.open(FOLDER / "stores.tar.gz", "w:gz") as packed:
        for name in ("lake", "mlflow.sql", "artifacts", "mlflow/artifacts"):
            if (HOME / name).exists():
                packed.add(HOME / name, name, filter=wanted)


if __name__ == "__main__":
    main()
