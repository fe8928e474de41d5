"""Find a pretrained encoder by name and make a classifier of it: local folder, packaged model or hub name.

Only safetensors are read, and no remote code ever runs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.training.config.architecture import RECURRENT_FAMILIES, Head, ModelOptions, Pooling
from sentiment.training.config.train import TrainConfig
from sentiment.training.models.packaged import PACKAGED, PUBLISHER, packaged_folder

_HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
_TRAINED_HERE = "If a training made them, give its run as warm_start."
_SIGNS_OF_NONE = 2  # besides special tokens a vocabulary that was made of nothing has a sign for a space
_PATIENCE = 5.0  # seconds that the hub has to answer

if TYPE_CHECKING:
    from sentiment.training.models.classifier import EncoderClassifier

Named = TypeVar("Named", bound=ModelOptions)


def named_in_full(config: Named) -> Named:
    """Name an encoder that is a folder here, and word vectors, in full: what is asked for may go on somewhere else."""
    whole: dict[str, Any] = {"embeddings": config.embeddings.absolute()} if config.embeddings else {}
    if Path(config.encoder).is_dir():
        whole["encoder"] = str(Path(config.encoder).absolute())
    return config.model_copy(update=whole)


def at_hand(encoder: str, settings: Settings) -> str:
    """Return the folder of a local or packaged encoder, or the name itself when only the hub can know it.

    A packaged encoder that is not installed is left to the hub under its full name; one whose weights are not the
    published ones raises ContractError. One that comes in slices is unpacked under the home of the settings.
    """
    name = encoder.removeprefix(PUBLISHER)
    if Path(encoder).is_dir() or name not in PACKAGED:
        return encoder
    return str(packaged_folder(name, settings.home / "encoders") or f"{PUBLISHER}{name}")


def with_encoder_at_hand(config: TrainConfig, settings: Settings) -> TrainConfig:
    """Name the encoder of a training by its folder, where it has one; recurrent families have no encoder."""
    if config.family in RECURRENT_FAMILIES:
        return config
    return config.model_copy(update={"encoder": at_hand(config.encoder, settings)})


def require_at_hand(config: TrainConfig, settings: Settings) -> None:
    """Raise ContractError for an encoder or word vectors that are nowhere: known at once, without a training library.

    The hub is asked once whether it answers, for its own client would try for a minute.
    """
    vectors = config.embeddings if config.family in RECURRENT_FAMILIES else None
    if vectors and not vectors.is_file():
        raise ContractError(f"there are no word vectors at {vectors}; give a .vec or .vec.gz of fastText")
    # An earlier training keeps its encoder; only to choose by doubt the words of the pretrained one are read.
    if not config.takes_encoder or (config.warm_start and config.selection != "doubt"):
        return
    name = at_hand(config.encoder, settings)
    if Path(name).is_dir() or _is_cached(name):
        return
    if not _HUB_NAME.fullmatch(name):
        raise _not_loaded(name, "there is no such folder.")
    if not _hub_answers():
        raise _not_loaded(name, "it is not in this machine's cache, and the hub does not answer.")


def _is_cached(name: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return bool(_HUB_NAME.fullmatch(name)) and isinstance(try_to_load_from_cache(name, "config.json"), str)


def _hub_answers() -> bool:
    import httpx
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        httpx.head(constants.ENDPOINT, timeout=_PATIENCE)
    except httpx.TransportError:
        return False
    return True


def build_encoder(name: str, head: Head = "linear", pooling: Pooling = "mean") -> EncoderClassifier:
    """Load an encoder by its folder or hub name under a new head of two labels, whose first values follow torch's seed.

    Raises ContractError when the name is neither a folder nor packaged, and the hub does not know it or is out of
    reach.
    """
    from transformers import AutoModel

    from sentiment.training.models.classifier import EncoderClassifier, without_pooler

    # In the format of its weights, half precision for some, rounding would lose a training's small steps.
    whole = {"dtype": "float32", "use_safetensors": True, "output_loading_info": True}
    backbone, loaded = _from_pretrained(AutoModel, name, **whole)
    if lacking := [weight for weight in loaded["missing_keys"] if not weight.startswith("pooler.")]:
        raise _not_loaded(name, f"its weights have other names, {min(lacking)} is missing. {_TRAINED_HERE}")
    if backbone.config.is_encoder_decoder:
        raise _not_loaded(name, "it has a decoder, and what is read here is an encoder alone.")
    return EncoderClassifier(without_pooler(backbone), head, pooling)


def encoder_tokenizer(name: str) -> str:
    """Return the content of the encoder's tokenizer.json, with its padding id written in and no truncation.

    Raises ContractError where there is none. Of a folder without one transformers makes a tokenizer that knows no word.
    """
    from transformers import AutoTokenizer

    tokenizer = _from_pretrained(AutoTokenizer, name, use_fast=True)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or tokenizer.pad_token_id is None:
        lacking = "has no padding token" if backend else "is one that Python alone runs"
        raise _not_loaded(name, f"its tokenizer {lacking}.")
    if backend.get_vocab_size() <= len(tokenizer.all_special_ids) + _SIGNS_OF_NONE:
        raise _not_loaded(name, "it has no tokenizer.")
    backend.no_truncation()
    backend.enable_padding(pad_id=tokenizer.pad_token_id, pad_token=tokenizer.pad_token)
    return str(backend.to_str())


def _from_pretrained(auto_class: Any, name: str, **options: Any) -> Any:
    try:
        return auto_class.from_pretrained(name, trust_remote_code=False, **options)
    except (
        Exception
    ) as error:  # of a library's many kinds: weights cut short, of another size, a tokenizer without [UNK]
        raise _not_loaded(name, next(iter(str(error).splitlines()), type(error).__name__)) from error


def _not_loaded(name: str, reason: str) -> ContractError:
    return ContractError(
        f"the encoder {name!r} cannot be loaded: {reason} Give a folder with config.json, model.safetensors and "
        f"tokenizer.json, a packaged encoder ({', '.join(PACKAGED)}), or a hub name that is in this machine's cache or "
        "can be downloaded."
    )
