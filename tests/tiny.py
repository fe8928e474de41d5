"""Small things that behave like the large ones: a vocabulary, an encoder, reviews that can be learnt, a bundle."""

from __future__ import annotations

import random
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from sentiment.core.labelled import LabelledReviews
from sentiment.core.names import Family
from sentiment.core.settings import Settings
from sentiment.evaluation.assessment import Decision
from sentiment.export.config import ExportConfig
from sentiment.training.config.architecture import RECURRENT_FAMILIES
from sentiment.training.config.train import TrainConfig
from sentiment.training.fitted import Fitted

if TYPE_CHECKING:
    from sentiment.export.build import ExportData

# ruff: noqa: SIM905  (as sentences these lists are a third as long)
POSITIVE_WORDS = "great excellent love perfect amazing happy solid fantastic superb reliable bright crisp".split()
NEGATIVE_WORDS = "broken awful refund terrible useless dead cheap noisy worst failed cracked slow".split()
NEUTRAL_WORDS = (
    "the a it is was this that and but so i we you my for to of in on at with camera phone battery screen lens cable "
    "box price shop week day month year time light sound button case bag hand home work desk trip picture video music "
    "call charge store order middle colour size weight model brand version design power speed use used bought got came "
    "took gave made said think thought know one two three four five first second last next still very really quite "
    "just only also then when after before while because if or not no yes more most some any all each other same new "
    "old big small long short high low good bad fine nice well much many few lot bit part side front back top left "
    "right inside outside up down out off over under again once twice here there now"
).split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def vocabulary() -> dict[str, int]:
    """About 300 pieces: special tokens, whole words, and every letter and digit alone and as a continuation."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'"
    words = [*SPECIAL, *letters, *(f"##{letter}" for letter in letters)]
    words += sorted({*POSITIVE_WORDS, *NEGATIVE_WORDS, *NEUTRAL_WORDS} - set(words))
    return {word: index for index, word in enumerate(words)}


def bert_tokenizer_json() -> str:
    """A word-piece tokenizer that stands [CLS] before and [SEP] after, with the truncation a hub file may carry."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    ids = vocabulary()
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.enable_truncation(7)
    tokenizer.enable_padding(pad_id=ids["[PAD]"], pad_token="[PAD]", length=20)
    return tokenizer.to_str()


def roberta_tokenizer_json() -> str:
    """A byte-level tokenizer of the RoBERTa kind: <s> before, </s> after, padding id 1."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    ids = {piece: index for index, piece in enumerate([*special, *alphabet])}
    tokenizer = Tokenizer(models.BPE(ids, [], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.add_special_tokens(special)
    return tokenizer.to_str()


def write_encoder(folder: Path) -> Path:
    """Save a two-layer BERT, and its tokenizer, as a folder that any config can name."""
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary()),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        initializer_range=0.15,
    )
    model = BertModel(config)
    # What pretraining would have brought: words of one feeling are near each other, so a few steps suffice.
    ids, words = vocabulary(), model.embeddings.word_embeddings.weight.data
    words[[ids[word] for word in POSITIVE_WORDS], :16] += 1
    words[[ids[word] for word in NEGATIVE_WORDS], :16] -= 1
    model.save_pretrained(folder)
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    (folder / "tokenizer.json").write_text(bert_tokenizer_json(), encoding="utf-8")
    PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **names).save_pretrained(folder)
    return folder


def write_architecture(folder: Path, architecture: str, **shape: int) -> Path:
    """Save a two-layer encoder of another architecture, with random weights, and the tokenizer of its kind.

    It is 32 wide and knows 64 positions where `shape` does not say otherwise.
    """
    import torch
    from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    byte_level = architecture in {"roberta", "mpnet"}
    content = roberta_tokenizer_json() if byte_level else bert_tokenizer_json()
    names = ("<pad>", "<unk>", "<s>", "</s>") if byte_level else ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
    shapes = {
        "bert": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64},
        "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64},
    }
    given = {
        **shapes.get(architecture, shapes["bert"]),
        "vocab_size": 300 if byte_level else len(vocabulary()),
        "max_position_embeddings": 66 if byte_level else 64,
        "pad_token_id": int(byte_level),
        **({"type_vocab_size": 1} if architecture == "roberta" else {}),
    }
    config = AutoConfig.for_model(architecture, **given | shape)
    AutoModel.from_config(config).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(content, encoding="utf-8")
    special = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), names, strict=True))
    PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **special).save_pretrained(folder)
    return folder


def reviews(count: int, seed: int = 0) -> LabelledReviews:
    """Generated reviews of 10 to 40 words, 60 % positive, each with two to four words that tell its label."""
    draw = random.Random(seed)
    labels = [int(draw.random() < 0.6) for _ in range(count)]
    titles, texts = [], []
    for label in labels:
        telling = POSITIVE_WORDS if label else NEGATIVE_WORDS
        words = draw.choices(NEUTRAL_WORDS, k=draw.randint(8, 36)) + draw.choices(telling, k=draw.randint(2, 4))
        draw.shuffle(words)
        titles.append(draw.choice(["", draw.choice(telling), draw.choice(NEUTRAL_WORDS)]))
        texts.append(" ".join(words).capitalize() + ".")
    return LabelledReviews.of([f"{seed}-{row}" for row in range(count)], titles, texts, np.array(labels, np.int64))


def config(encoder: Path, family: Family = "encoder", **changes: object) -> TrainConfig:
    """A training of seconds on a `write_encoder` folder."""
    small = {"buckets": 2**12, "max_length": 48, "learning_rate": 3e-3, "batch_size": 16, "precision": "fp32"}
    if family in RECURRENT_FAMILIES:
        small |= {"embedding_size": 24, "hidden_size": 16, "dropout": 0.1, "learning_rate": 2e-2, "epochs": 2.0}
    return TrainConfig(**{"family": family, "encoder": str(encoder), "evaluations": 3, **small, **changes})


def fitted(folder: Path, family: Family = "linear") -> Fitted:
    """Train a model that tells the generated reviews apart; `folder` keeps the encoder and the checkpoints."""
    from sentiment.training.fit import fit

    encoder = write_encoder(folder / "encoder")
    return fit(config(encoder, family), reviews(600), reviews(100, seed=1), folder / "work", Settings())


def write_bundle(folder: Path, family: Family = "linear", temperature: float = 1.0) -> Path:
    """Train, export and seal a bundle (about five seconds the first time) under `folder`; returns the bundle's folder.

    A network has a gate before it.
    """
    return Path(shutil.copytree(Path(_built(family, temperature).name) / "bundle", folder / "bundle"))


@cache
def _built(family: Family, temperature: float) -> TemporaryDirectory[str]:
    """Build a bundle once a process, in a folder that is deleted at its end."""
    from sentiment.export.build import build_bundle

    kept = TemporaryDirectory()
    folder = Path(kept.name)
    export = ExportConfig(run_id="tiny", parity_reviews=50, max_accuracy_loss=0.05)
    model, decision = fitted(folder, family), Decision(temperature, 0.5)
    build_bundle(model, export_data(), export, folder / "bundle", {"run_id": "tiny"}, decision)
    return kept


def export_data() -> ExportData:
    """Return what a bundle of a `fitted` model is made with."""
    from sentiment.export.build import ExportData

    return ExportData(reviews(600), reviews(100, seed=1))
