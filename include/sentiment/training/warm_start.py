"""A training that begins where another one ended: which one that is, and whether it may judge itself afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.names import CHAMPION
from sentiment.core.settings import Settings
from sentiment.core.wording import counted
from sentiment.datasets.manifest import JUDGES
from sentiment.datasets.published import bare
from sentiment.datasets.snapshot import keys_among, read_keys, read_products, read_texts, snapshot_folder
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.entries import TrainedRun, require_run_ids
from sentiment.stores.registry.versions import Registry
from sentiment.training.config.architecture import ENCODER_FAMILIES
from sentiment.training.config.train import TrainConfig
from sentiment.training.teaching.table import read_table, table_of

# What of the architecture is the earlier run's.
_OF_THE_START = ("encoder", "head", "pooling")


@dataclass(frozen=True)
class Learnt:
    """Something that a run has learnt from, in words, and what tells which of some keys are of its reviews.

    `snapshot` names it where it is one.
    """

    run_id: str
    what: str
    snapshot: str
    among: Callable[[set[str]], set[str]]


def begun_from(config: TrainConfig, context: Context) -> TrainConfig:
    """Name the run to start from by its id, and take the architecture that it has.

    Raises ContractError when there is no such run, it trained no encoder or keeps no model, or another architecture is
    asked for.
    """
    if not config.warm_start:
        return config
    if config.warm_start != CHAMPION:
        require_run_ids([config.warm_start])
    registry = Registry(context.settings)
    run = _run(config.warm_start, registry)
    run.require(("family", "snapshot"))
    if run.params["family"] not in ENCODER_FAMILIES:
        raise ContractError(
            f"run {run.run_id} trained the family {run.params['family']}; start from one of "
            f"{' or '.join(ENCODER_FAMILIES)}"
        )
    run.require(_OF_THE_START)
    if not registry.has_artifact(run.run_id, "model"):
        raise ContractError(
            f"run {run.run_id} keeps no model: it has not come to its end, or its files were deleted; start from "
            "another run"
        )
    theirs = {name: run.params[name] for name in _OF_THE_START}
    for name, value in theirs.items():
        if name in config.model_fields_set and getattr(config, name) != value:
            raise ContractError(f"run {run.run_id} has the {name} {value}; leave {name} out beside warm_start")
    return config.model_copy(update={**theirs, "warm_start": run.run_id})


def require_unseen(config: TrainConfig, context: Context) -> None:
    """Raise ContractError when the model to start from has learnt from reviews that validate or test this training.

    So it does when its teacher has, and when something from which either learnt is gone, because then nobody can tell.
    """
    if not config.warm_start:
        return
    folder = snapshot_folder(Lake(context.settings.lake_root), config.snapshot)
    judges = set().union(*(read_keys(folder, split) for split in JUDGES))
    for learnt in learnt_from(config.warm_start, Registry(context.settings), context.settings):
        try:
            seen = len(learnt.among(judges))
        except ContractError as error:
            raise ContractError(
                f"run {learnt.run_id} learnt from {learnt.what}, which is not there: whether it has seen the reviews "
                f"that snapshot {config.snapshot} validates and tests by cannot be told; start from another run"
            ) from error
        if seen:
            raise ContractError(
                f"run {learnt.run_id} has learnt from {counted(seen, 'review')} by which snapshot {config.snapshot} "
                f"validates and tests, those of {learnt.what}; train on the snapshot of that run, or start from "
                "another one"
            )


def learnt_from(run_id: str, registry: Registry, settings: Settings) -> Iterator[Learnt]:
    """Give what a run has learnt from, and those before it that it started from.

    Raises ContractError when one of the runs is gone; so does `among` of what is not there.
    """
    lake = Lake(settings.lake_root)
    for run in lineage(run_id, registry):
        for name in snapshots_of(run):
            yield Learnt(run.run_id, f"snapshot {name}", name, partial(_trained, lake, name))
        if teacher := run.params.get("teacher"):
            yield Learnt(run.run_id, f"the soft labels {teacher}", "", partial(_labelled, teacher, settings))


def said_of_start(config: TrainConfig, context: Context) -> str:
    """Say what a training begins with, and what this knows of texts and products that judge it; nothing without one."""
    if not config.warm_start:
        return ""
    lake, line = Lake(context.settings.lake_root), [*lineage(config.warm_start, Registry(context.settings))]
    folder = snapshot_folder(lake, config.snapshot)
    others = {name for run in line for name in snapshots_of(run)} - {config.snapshot}
    theirs = [snapshot_folder(lake, name) for name in sorted(others)]
    judges = {bare(text) for split in JUDGES for text in read_texts(folder, split)}
    texts = {said for other in theirs for text in read_texts(other, "train") if (said := bare(text)) in judges}
    held_out = set().union(*(read_products(folder, split) for split in JUDGES)) - read_products(folder, "train")
    products = held_out & set().union(*(read_products(other, "train") for other in theirs))
    known = [f"{counted(len(texts), 'text')} by which this training is judged"] if texts else []
    known += [f"reviews of {counted(len(products), 'product')} that it holds out"] if products else []
    seconds = line[0].metrics.get("training_seconds", 0)
    said = f"it starts from run {line[0].run_id} ({seconds:,.0f} s on snapshot {line[0].params['snapshot']})"
    return f"{said}, whose model had read {' and '.join(known)}" if known else said


def _run(named: str, registry: Registry) -> TrainedRun:
    if named != CHAMPION:
        return registry.trained(named)
    champion = registry.champion()
    run_id = "" if champion is None else registry.version(champion).run_id
    if not run_id:
        raise ContractError(
            "there is no champion to start from, or it names no run; give the run of a training, or leave warm_start "
            "out"
        )
    return registry.trained(run_id)


def _trained(lake: Lake, snapshot: str, keys: set[str]) -> set[str]:
    return keys_among(snapshot_folder(lake, snapshot), "train", keys)


def _labelled(teacher: str, settings: Settings, keys: set[str]) -> set[str]:
    """Return those of `keys` that a teacher labels: it labels all that it has learnt from, and others."""
    return keys.intersection(read_table(table_of(teacher, settings)).keys)


def lineage(begin: str, registry: Registry) -> Iterator[TrainedRun]:
    """Give a run, the one that it started from itself, and so on to the pretrained encoder.

    Raises ContractError at one that is gone, because then nobody can tell what the model has learnt from.
    """
    known, run_id = set[str](), begin
    while run_id and run_id not in known:
        try:
            run = registry.trained(run_id)
            run.require(("snapshot",))
        except ContractError as error:
            raise ContractError(
                f"all that run {begin} has learnt from cannot be told; start from another run, or: {error}"
            ) from error
        yield run
        known.add(run_id)
        run_id = run.params.get("warm_start", "")


def snapshots_of(run: TrainedRun) -> list[str]:
    """Return the snapshots that a run learnt from."""
    # MLflow keeps a list as Python writes it. Whatever else stands there is the name of no snapshot, and refused so.
    return [run.params["snapshot"], *re.findall(r"\w+", run.params.get("mixed_snapshots", ""))]
