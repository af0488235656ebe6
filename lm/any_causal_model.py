"""Any causal language model that transformers can load, with its own tokenizer. It can be asked, but not edited."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from worldgen.errors import UserError
from worldgen.lm.texts import continuations


def load_causal(source: str, device: str) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Loads a model and its tokenizer from a folder, or by its id on Hugging Face's hub.

    The network is used for an id only. Code that comes with a model is not run. Raises UserError for a source that
    cannot be loaded, and for a tokenizer that is not a fast one or does not spell a text word by word.
    """
    local = Path(source).is_dir()
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=local)
        model = AutoModelForCausalLM.from_pretrained(source, local_files_only=local)
    except (OSError, ValueError, ImportError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(f"{source} holds no causal language model that transformers can load: {reason}") from None
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise UserError(f"the tokenizer of {source} is not one of the `tokenizers` library: save it as a fast one")
    # A tokenizer's file may ask for padding or truncation, and every prompt would then have the same length.
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.no_truncation()
    continuations(tokenizer, [])  # raises UserError for a tokenizer that does not spell word by word
    return model.to(torch.device(device)).eval(), tokenizer  # type: ignore[arg-type]  # transformers wraps the method
