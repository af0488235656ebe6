"""The Mistral of a config, its logits at chosen positions, and its loss on packed batches.

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
    """Returns an untrained Mistral, a function of (config, vocabulary size, seed) alone.

    Untied embeddings, no dropout, attention over the whole document (paper, appendix A.3). torch's global generator
    is left unchanged. Raises UserError for sizes that do not go together.
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
    """Loads a saved model in eval mode, without using the network."""
    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    return model.to(torch.device(device)).eval()  # type: ignore[arg-type]  # transformers wraps the method


def positions_of(model: PreTrainedModel) -> int | None:
    """Returns how many tokens a model was made to read; None where its config does not say."""
    return getattr(model.config, "max_position_embeddings", None)


def count_parameters(model: torch.nn.Module) -> int:
    """Returns the number of the model's parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


def next_token_logits(
    model: PreTrainedModel,
    input_ids: torch.Tensor,
    rows: torch.Tensor,
    columns: torch.Tensor,
    position_ids: torch.Tensor | None = None,
) -> torch.Tensor:
    """Returns the logits [N, V] that predict the tokens after those at (rows, columns), and computes no others.

    With `position_ids` [B, T] a row may hold several documents: transformers takes a position that does not
    follow its neighbour's for the beginning of a document, and lets no attention cross it (masking_utils,
    find_packed_sequence_indices). It does so only without a cache and without an attention mask. A row's padding is
    therefore at the row's end, where causal attention does not see it.
    """
    if not isinstance(model, MistralForCausalLM):
        # Another architecture may change its logits after the head: scale them, or cap them.
        return model(input_ids=input_ids, use_cache=False).logits[rows, columns]
    states = model.model(input_ids=input_ids, position_ids=position_ids, use_cache=False).last_hidden_state
    states = states.flatten(0, 1).index_select(0, rows * input_ids.shape[1] + columns)
    # Where every row has a head of its own (worldgen.lm.editors.tuning), the head must know the rows.
    of_rows = getattr(model.lm_head, "of_rows", None)
    return of_rows(states, rows) if of_rows else model.lm_head(states)


def packed_loss(model: MistralForCausalLM, batch: Batch) -> torch.Tensor:
    """Returns the mean over the predicted tokens of -log p(token | the document before it), in float32, natural log."""
    device = model.lm_head.weight.device
    return summed_loss(model, *(tensor.to(device) for tensor in batch.tensors())) / batch.predicted


def summed_loss(
    model: MistralForCausalLM, input_ids: torch.Tensor, position_ids: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Returns the sum over the predicted tokens of -log p(token | the document before it).

    The tensors are those of `Batch`, [B, T].
    On a CPU the logits of the other positions are not computed. Elsewhere they are: to leave them out the host would
    have to wait for the device to count them, and a compiled step needs one shape.
    """
    states = model.model(input_ids=input_ids, position_ids=position_ids, use_cache=False).last_hidden_state
    states = states.flatten(0, 1)
    # A row begins with BOS, whose label is IGNORED. Rolled to the row's end, this label predicts nothing there.
    targets = labels.roll(-1, dims=1).flatten()
    if input_ids.device.type == "cpu" and not torch.compiler.is_compiling():
        predicted = (targets != IGNORED).nonzero()[:, 0]
        states, targets = states.index_select(0, predicted), targets.index_select(0, predicted)
    # A sharded head's weight is gathered only for the head's own methods: `shard_weights` adds this one.
    loss = getattr(model.lm_head, "loss", None) or partial(head_loss, model.lm_head)
    return loss(states, targets)
