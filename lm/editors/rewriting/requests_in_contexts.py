"""Requests after several contexts, as one batch, and what the model computes at the tokens that are edited.

Shapes: R requests, X contexts, B = R X rows, T tokens of the longest row, P places, N asked tokens, H hidden size,
I intermediate size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.editions import Request
from worldgen.lm.editors.group_sums import group_sums
from worldgen.lm.editors.rewriting.key_covariance import recorded_keys
from worldgen.lm.editors.rewriting.weight_update import RewriteSite
from worldgen.lm.inspection.causal_tracing import Token
from worldgen.lm.texts import PaddedTexts, Text, pad
from worldgen.lm.tokenizer import encode


@dataclass(frozen=True)
class RequestsInContexts:
    """Every request after every context, as one batch of B rows; row b is edited at the token (b, columns[b]).

    Requests with the same text up to the edited token share a place: place_of_row [B] is the row's one of `places` P.
    """

    batch: PaddedTexts
    token: Token
    columns: torch.Tensor
    place_of_row: torch.Tensor
    places: int

    @property
    def shape(self) -> tuple[int, ...]:
        """B, T, N, P: the numbers that the operations of a pass depend on."""
        return (*self.batch.input_ids.shape, len(self.batch.rows), self.places)

    @property
    def rows(self) -> torch.Tensor:
        """The number of each row, [B]."""
        return torch.arange(len(self.columns), device=self.columns.device)

    def at_places(self, states: torch.Tensor) -> torch.Tensor:
        """Returns the states of the edited tokens: [B, T, ...] -> [B, ...]."""
        return states[self.rows, self.columns]

    def mean_by_place(self, of_rows: torch.Tensor) -> torch.Tensor:
        """Returns the mean over each place's rows: [B, ...] -> [P, ...]."""
        counts = torch.bincount(self.place_of_row, minlength=self.places).view(-1, *[1] * (of_rows.ndim - 1))
        return group_sums(of_rows, self.place_of_row, self.places) / counts


def requests_in_contexts(
    tokenizer: PreTrainedTokenizerFast, requests: Sequence[Request], site: RewriteSite, device: torch.device
) -> RequestsInContexts:
    """Returns the requests, each after each of the site's contexts.

    The edited token is the last token of the subject or of the relation, as the site says.
    """
    ends = [request.subject if site.token == "subject" else request.prompt for request in requests]
    number_of = {end: number for number, end in enumerate(dict.fromkeys(ends))}
    contexts = encode(tokenizer, site.contexts)
    texts, columns, place_of_row = [], [], []
    for request, end in zip(requests, ends, strict=True):
        upto, prompt, target = encode(tokenizer, [end, request.prompt, request.target])
        assert upto == prompt[: len(upto)] != [], f"{request.prompt!r} does not begin with its subject {end!r}"
        for context in contexts:
            texts.append(Text([tokenizer.bos_token_id, *context, *prompt, *target], len(target)))
            columns.append(len(context) + len(upto))
            place_of_row.append(number_of[end])
    where, whose = torch.tensor(columns, device=device), torch.tensor(place_of_row, device=device)
    return RequestsInContexts(pad(texts, device), site.token, where, whose, len(number_of))


@torch.inference_mode()
def keys_and_states(
    model: MistralForCausalLM, requests: RequestsInContexts, layer: int, last_layer: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the keys of a layer's down-projection [P, I] and the states after `last_layer` [P, H].

    Both are read at the edited tokens, as means over each place's rows.
    """
    states: list[torch.Tensor] = []
    handle = model.model.layers[last_layer].register_forward_hook(lambda _, __, output: states.append(output))
    try:
        with recorded_keys(model, [layer]) as keys:
            model.model(input_ids=requests.batch.input_ids, use_cache=False)
    finally:
        handle.remove()
    at_places = requests.at_places(keys[layer]), requests.at_places(states[0])
    return requests.mean_by_place(at_places[0]), requests.mean_by_place(at_places[1])
