"""A training that begins where another one ended: which one that is, and whether it may judge itself afterwards."""

from __future__ import annotations

import ast

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.names import CHAMPION
from sentiment.core.wording import counted
from sentiment.datasets.published import bare
from sentiment.datasets.snapshot import read_keys, read_texts, snapshot_folder
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.entries import TrainedRun, require_run_ids
from sentiment.stores.registry.versions import Registry
from sentiment.training.config.architecture import ENCODER_FAMILIES
from sentiment.training.config.train import TrainConfig

_JUDGES = ("validation", "test")
# What of the architecture is the earlier run's.
_OF_THE_START = ("encoder", "head", "pooling")


def begun_from(config: TrainConfig, context: Context) -> TrainConfig:
    """Name the run to start from by its id, and take the architecture that it has.

    Raises ContractError when there is no such run, it trained no encoder, or another architecture is asked for.
    """
    if not config.warm_start:
        return config
    run = _run(config.warm_start, Registry(context.settings))
    run.require(("family", "snapshot"))
    if run.params["family"] not in ENCODER_FAMILIES:
        raise ContractError(
            f"run {run.run_id} trained the family {run.params['family']}; start from one of "
            f"{' or '.join(ENCODER_FAMILIES)}"
        )
    run.require(_OF_THE_START)
    theirs = {name: run.params[name] for name in _OF_THE_START}
    for name, value in theirs.items():
        if getattr(config, name) not in (value, TrainConfig.model_fields[name].default):
            raise ContractError(f"run {run.run_id} has the {name} {value}; leave {name} out beside warm_start")
    return config.model_copy(update={**theirs, "warm_start": run.run_id})


def require_unseen(config: TrainConfig, context: Context) -> None:
    """Raise ContractError when the model to start from has learnt from reviews that validate or test this training.

    So it does when a snapshot from which that one learnt is gone, because then nobody can tell.
    """
    lake = Lake(context.settings.lake_root)
    judges = set().union(*(read_keys(snapshot_folder(lake, config.snapshot), split) for split in _JUDGES))
    for name, run_id in _learnt_from(config, context):
        try:
            seen = len(judges & read_keys(snapshot_folder(lake, name), "train"))
        except ContractError as error:
            raise ContractError(
                f"run {run_id} learnt from snapshot {name}, which is not there: whether it has seen the reviews that "
                f"snapshot {config.snapshot} validates and tests by cannot be told; start from another run"
            ) from error
        if seen:
            raise ContractError(
                f"run {run_id} has learnt from {counted(seen, 'review')} by which snapshot {config.snapshot} validates "
                f"and tests; train on its snapshot {name}, or start from another run"
            )


def said_of_start(config: TrainConfig, context: Context) -> str:
    """Say what a training begins with, and how many texts that judge it this has read before; nothing without one."""
    if not config.warm_start:
        return ""
    lake, run = Lake(context.settings.lake_root), Registry(context.settings).trained(config.warm_start)
    texts = {bare(text) for split in _JUDGES for text in read_texts(snapshot_folder(lake, config.snapshot), split)}
    others = {name for name, _ in _learnt_from(config, context)} - {config.snapshot}
    read = texts & {bare(text) for name in others for text in read_texts(snapshot_folder(lake, name), "train")}
    seconds = run.metrics.get("training_seconds", 0)
    said = f"it starts from run {run.run_id}, of {seconds:,.0f} s on snapshot {run.params['snapshot']},"
    return f"{said} which had read {counted(len(read), 'text')} that judge this one" if read else said.rstrip(",")


def _run(named: str, registry: Registry) -> TrainedRun:
    if named != CHAMPION:
        require_run_ids([named])
        return registry.trained(named)
    champion = registry.champion()
    if champion is None:
        raise ContractError("there is no champion to start from; give the run of a training, or leave warm_start out")
    return registry.trained(registry.version(champion).run_id)


def _learnt_from(config: TrainConfig, context: Context) -> list[tuple[str, str]]:
    """Return the snapshots that the model to start from, and those that it started from itself, learnt from; with runs.

    That of this training is among them where it is theirs as well.
    """
    registry, found, run_id = Registry(context.settings), [], config.warm_start
    while run_id:
        params = registry.trained(run_id).params
        mixed = ast.literal_eval(params.get("mixed_snapshots", "()"))  # as MLflow writes a list down
        found += [(name, run_id) for name in (params["snapshot"], *mixed)]
        run_id = params.get("warm_start", "")
    return found
