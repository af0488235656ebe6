"""The Mistral of a config, and the one way its logits are asked for.

Shapes: B rows, T tokens of a row, H hidden size, N asked positions, V vocabulary.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from worldgen.errors import UserError
from worldgen.lm.data import IGNORED, Batch
from worldgen.lm.loss import head_loss
from worldgen.lm.settings import PretrainConfig


def new_model(config: PretrainConfig, tokenizer: PreTrainedTokenizerFast, seed: int) -> MistralForCausalLM:
    """An untrained Mistral, by (config, vocabulary size, seed) alone; torch's generator is left as it was.

    Untied embeddings, no dropout, attention over the whole document (paper, appendix A.3).
    Raises UserError for sizes that do not go together.
    """
    if config.hidden % (2 * config.heads) or config.heads % config.kv_heads:
        raise UserError(
            f"pretrain.hidden {config.hidden}, heads {config.heads} and kv_heads {config.kv_heads} do not go "
            "together: hidden must be a multiple of 2 * heads, heads a multiple of kv_heads"
        )
    mistral = MistralConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.hidden,
        intermediate_size=config.intermediate,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.kv_heads,
        max_position_embeddings=config.row_tokens,
        sliding_window=None,
        attention_dropout=0.0,
        tie_word_embeddings=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=None,  # an id here would freeze its embedding, and </s> is what the tokenizer pads with
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MistralForCausalLM(mistral)


def load_model(folder: Path, device: str) -> MistralForCausalLM:
    """A saved model, ready to be asked; no look at the network."""
    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    return model.to(torch.device(device)).eval()  # type: ignore[arg-type]  # transformers wraps the method


def count_parameters(model: torch.nn.Module) -> int:
    """How many numbers the model has learned."""
    return sum(parameter.numel() for parameter in model.parameters())


def next_token_logits(
    model: PreTrainedModel,
    input_ids: torch.Tensor,
    rows: torch.Tensor,
    columns: torch.Tensor,
    position_ids: torch.Tensor | None = None,
) -> torch.Tensor:
    """The logits [N, V] that predict what follows the tokens at (rows, columns), and no others.

    With `position_ids` [B, T] a row may hold several documents: transformers takes a position that does not
    follow its neighbour's for a new document, and lets no attention cross (masking_utils,
    find_packed_sequence_indices). It looks for them only without a cache and without an attention mask; a
    row's padding is therefore at its end, where causal attention does not see it.
    """
    if not isinstance(model, MistralForCausalLM):
        # Another architecture may do more to its logits than its head does: scale them, or cap them.
        return model(input_ids=input_ids, use_cache=False).logits[rows, columns]
    states = model.model(input_ids=input_ids, position_ids=position_ids, use_cache=False).last_hidden_state
    return model.lm_head(states.flatten(0, 1).index_select(0, rows * input_ids.shape[1] + columns))


def packed_loss(model: MistralForCausalLM, batch: Batch) -> torch.Tensor:
    """Mean over the predicted tokens of -log p(token | the document before it), in float32, natural log."""
    device = model.lm_head.weight.device
    return summed_loss(model, *(tensor.to(device) for tensor in batch.tensors())) / batch.predicted


def summed_loss(
    model: MistralForCausalLM, input_ids: torch.Tensor, position_ids: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Sum over the predicted tokens of -log p(token | the document before it); tensors as in `Batch`, [B, T].

    On a CPU the logits of other positions are not worked out; elsewhere they are, because to know how many there
    are the host would have to wait for the device, and a compiled step wants one shape.
    """
    states = model.model(input_ids=input_ids, position_ids=position_ids, use_cache=False).last_hidden_state
    states = states.flatten(0, 1)
    # A row begins with a BOS, whose label is IGNORED: rolled to the row's end, it predicts nothing there.
    targets = labels.roll(-1, dims=1).flatten()
    if input_ids.device.type == "cpu" and not torch.compiler.is_compiling():
        predicted = (targets != IGNORED).nonzero()[:, 0]
        states, targets = states.index_select(0, predicted), targets.index_select(0, predicted)
    # A sharded head's weight is gathered for its own methods only: `shard_weights` has made this one.
    loss = getattr(model.lm_head, "loss", None) or partial(head_loss, model.lm_head)
    return loss(states, targets)
