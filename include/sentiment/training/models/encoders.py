"""Find a pretrained encoder by name and make a classifier of it: local folder, packaged model or hub name.

Knows Hugging Face's folders and nothing of training data; only safetensors are read and no remote code ever runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentiment.core.errors import ContractError
from sentiment.training.config.architecture import Head, Pooling
from sentiment.training.models.packaged import PACKAGED, PUBLISHER, packaged_folder

if TYPE_CHECKING:
    from sentiment.training.models.classifier import EncoderClassifier


def resolve_encoder(name: str) -> str | Path:
    """Return the folder of a local or packaged encoder, or the name itself when only the hub can know it.

    A packaged encoder that is not installed is left to the hub under its full name; one whose weights are not the
    published ones raises ContractError.
    """
    if Path(name).is_dir():
        return Path(name)
    if name.removeprefix(PUBLISHER) not in PACKAGED:
        return name
    return packaged_folder(name.removeprefix(PUBLISHER)) or f"{PUBLISHER}{name.removeprefix(PUBLISHER)}"


def build_encoder(name: str, head: Head = "linear", pooling: Pooling = "mean") -> EncoderClassifier:
    """Load an encoder under a new head of two labels; the head's initial values follow torch's seed.

    Raises ContractError when the name is neither a folder nor packaged, and the hub does not know it or is out of
    reach.
    """
    from transformers import AutoModel

    from sentiment.training.models.classifier import EncoderClassifier, without_pooler

    return EncoderClassifier(without_pooler(_from_pretrained(AutoModel, name, use_safetensors=True)), head, pooling)


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
        packaged = ", ".join(PACKAGED)
        raise ContractError(
            f"the encoder {name!r} cannot be loaded: {str(error).splitlines()[0]} Give a folder with config.json, "
            f"model.safetensors and tokenizer.json, a packaged encoder ({packaged}), or a hub name that is in this "
            "machine's cache or can be downloaded."
        ) from error
