"""A trained classifier and its tokenizer as `transformers` has them, so that its pipeline takes them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast
from transformers.modeling_outputs import SequenceClassifierOutput

from sentiment.core.names import LABELS


class _Classifier(PreTrainedModel):  # type: ignore[no-untyped-call]
    # As fast as the encoder's own class would let it be.
    _supports_sdpa = True

    def __init__(self, classifier: Any) -> None:
        super().__init__(deepcopy(classifier.backbone.config))
        self.classifier = classifier

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_: Any) -> SequenceClassifierOutput:
        return SequenceClassifierOutput(logits=self.classifier(input_ids, attention_mask))


def pretrained_model(classifier: Any) -> Any:
    """Wrap an `EncoderClassifier`; its labels are the project's, in their order."""
    wrapped = _Classifier(classifier)
    wrapped.config.id2label = dict(enumerate(LABELS))
    return wrapped.eval()  # type: ignore[no-untyped-call]


def pretrained_tokenizer(tokenizer_json: str, max_length: int) -> Any:
    """Return the tokenizer of a tokenizer.json; it cuts at `max_length` when it is told to truncate."""
    tokenizer = Tokenizer.from_str(tokenizer_json)
    padding = (tokenizer.padding or {}).get("pad_token", "[PAD]")
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=padding,
        # A tokenizer of bytes knows everything, yet converters want a name for the unknown.
        unk_token=getattr(tokenizer.model, "unk_token", None) or padding,
        model_max_length=max_length,
        model_input_names=["input_ids", "attention_mask"],
    )
