"""Any causal language model that transformers can load, with its own tokenizer: to be asked, not to be edited."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from worldgen.errors import UserError
from worldgen.lm.texts import continuations


def load_causal(source: str, device: str) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The model of a folder, or of an id on Hugging Face's hub, ready to be asked, and its tokenizer.

    The network is looked at for an id only; code that comes with a model is not run. Raises UserError for what cannot
    be loaded, and for a tokenizer that is not a fast one or does not spell a text word by word.
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
    # A tokenizer's file may ask for both, and every prompt would then have the same length.
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.no_truncation()
    continuations(tokenizer, [])
    return model.to(torch.device(device)).eval(), tokenizer  # type: ignore[arg-type]  # transformers wraps the method
