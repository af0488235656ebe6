"""Any causal language model that transformers can load, with its own tokenizer, and what tells it from every other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from worldgen.errors import UserError
from worldgen.lm.texts import continuations
from worldgen.storage.files import sha256

_FAILURES = (OSError, ValueError, ImportError, RuntimeError, KeyError, SafetensorError)


def files_of(source: str) -> Mapping[str, str]:
    """Returns the SHA-256 of each file of a model's folder, or the commit of an id: {"revision": COMMIT}.

    Raises UserError for a path where no folder is, and for an id that nobody knows.
    """
    _refuse_nameless(source)
    folder = Path(source)
    if folder.is_dir():
        return {path.name: sha256(path) for path in sorted(folder.iterdir()) if path.is_file()}
    if folder.exists() or folder.is_absolute() or source.startswith((".", "~")) or len(folder.parts) > 2:
        raise UserError(f"there is no folder {source} with a model in it: save one there with `save_pretrained`")
    try:
        return {"revision": str(AutoConfig.from_pretrained(source)._commit_hash)}
    except _FAILURES as error:
        raise _no_model(source, error) from None


def load_causal(source: str, device: str) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Loads a model and its tokenizer from a folder, or by its id on Hugging Face's hub.

    The network is used for an id only. Code that comes with a model is not run, and weights are read from safetensors
    alone, because a pickled file can run code. Raises UserError for a source that cannot be loaded, for weights that
    are not the model's or no numbers, for a model that reads ahead, and for a tokenizer that is not a fast one, is
    another model's or does not spell a text word by word.
    """
    _refuse_nameless(source)
    local = Path(source).is_dir()
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=local)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            source, local_files_only=local, output_loading_info=True, use_safetensors=True
        )
    except _FAILURES as error:
        raise _no_model(source, error) from None
    model: PreTrainedModel = loaded[0]
    _refuse_wrong_weights(source, model, loaded[1])
    words, rows = len(tokenizer), cast(torch.nn.Embedding, model.get_input_embeddings()).num_embeddings
    if words > rows:
        raise UserError(f"the tokenizer of {source} has {words:,} tokens and the model {rows:,}: it is another model's")
    model = model.to(torch.device(device)).eval()  # type: ignore[arg-type]  # transformers wraps the method
    if _reads_ahead(model):
        raise UserError(f"{source} holds no causal language model: its predictions depend on the words that follow")
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise UserError(f"the tokenizer of {source} is not one of the `tokenizers` library: save it as a fast one")
    # A tokenizer's file may ask for padding or truncation, and every prompt would then have the same length.
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.no_truncation()
    continuations(tokenizer, [])  # raises UserError for a tokenizer that does not spell word by word
    return model, tokenizer


def _refuse_nameless(source: str) -> None:
    if not source.strip():  # the path "" would be the folder that the user happens to be in
        raise UserError(f"--model {source!r} names no model: give a folder, or an id of Hugging Face's hub")


def _refuse_wrong_weights(source: str, model: PreTrainedModel, loading: Mapping[str, Any]) -> None:
    """Raises UserError where the file lacks weights of the model or has others, and where a weight is no number."""
    if missing := sorted(loading["missing_keys"]):
        raise UserError(f"{source} holds no causal language model: there are no weights for its {missing[0]}")
    if unexpected := sorted(loading["unexpected_keys"]):
        raise UserError(f"{source} holds weights that are not of its model ({unexpected[0]}): save the model anew")
    for name, weight in model.named_parameters():
        if not torch.isfinite(weight).all():
            raise UserError(f"{source} is damaged or was trained too fast: not all of its {name} are numbers")


@torch.inference_mode()
def _reads_ahead(model: PreTrainedModel) -> bool:
    """Returns whether the prediction after a token depends on the token after it; equal up to rounding is equal."""
    logits = model(input_ids=torch.tensor([[0, 1], [0, 2]], device=model.device)).logits[:, 0].float()
    rounding = 64 * torch.finfo(model.dtype).eps * logits.abs().max()
    return bool((logits[0] - logits[1]).abs().max() > rounding)


def _no_model(source: str, error: Exception) -> UserError:
    reason = str(error).strip().partition("\n")[0]
    return UserError(f"{source} holds no causal language model that transformers can load: {reason}")
