"""The network of `rational`: it says which values the down-projections are to return for the keys of a subject.

A layer's down-projection W is a linear memory of keys and values, as in ROME and MEMIT. The network gives each anchor a
of a request and each layer a value r_a; with the keys of the anchors in the columns of K and the values in those of R
    Delta W = R (K^T C^-1 K + old 1)^-1 K^T C^-1,
the least change, measured by the keys of the corpus with covariance C, that adds R to what W returns for K
(`worldgen.lm.editors.rewriting.weight_update`). So it is learned what is to be said, of relations and objects; where it
is to be written is known of every subject.
A value is linear in the shift of beliefs (`worldgen.lm.editors.learned.taught.believer`), plus what a network makes of
the shift and of the anchor's states. The shift of a relation, g times the words believed after less those before, is 0
where nothing changes.
Shapes: as in `worldgen.lm.editors.learned.taught.readings`; D is the network's width.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.editors.learned.changed_mistral import ChangedMistral
from worldgen.lm.editors.learned.settings import RationalConfig
from worldgen.lm.editors.learned.taught.believer import Believer, Words, vectors_of, words_of
from worldgen.lm.editors.learned.taught.readings import Frames, Readings, States, states_of
from worldgen.lm.editors.learned.weight_changes import Changes, Factors
from worldgen.lm.texts import continuations

GAIN = 0.3
"""The linear maps' part is multiplied by it: a first step of AdamW moves every weight by the learning rate."""


class Block(nn.Module):
    """x + MLP(norm(x))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.down(functional.gelu(self.up(self.norm(x))))


class Writer(nn.Module):
    """The network and the constants of the closed form."""

    precisions: torch.Tensor
    """C^-1 of each layer, [L, I, I]"""
    scales: torch.Tensor
    """The root mean square of what each layer's down-projection returns in the corpus, [L]"""

    def __init__(self, frames: Frames, sizes: tuple[int, int, int], config: RationalConfig) -> None:
        super().__init__()
        self.frames, self.sizes, self.old = frames, sizes, config.old_keys
        (L, H, inner), width, R = sizes, config.width, len(frames.phrases)
        maps = torch.zeros(len(frames.openings), R, 4 * H, L * H)
        self.believer = Believer(R, H, width)
        self.of_phrases = nn.Parameter(maps.clone())
        self.of_subject = nn.Parameter(maps.clone())
        self.of_anchor = nn.Sequential(nn.LayerNorm(2 * L * H), nn.Linear(2 * L * H, width))
        self.of_beliefs = nn.Linear(6 * R * H, width)
        self.kinds = nn.Parameter(torch.randn(frames.anchors, width))
        self.blocks = nn.Sequential(*(Block(width) for _ in range(config.blocks)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, L * H)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.register_buffer("precisions", torch.eye(inner, dtype=torch.float64).repeat(L, 1, 1))
        self.register_buffer("scales", torch.ones(L))

    def shift(self, readings: Readings, said: torch.Tensor, words: Words) -> torch.Tensor:
        """Returns the shift of beliefs [S, R, 4 H]: of first tokens, and of whole objects.

        `said` [S, R, V] are the probabilities before. The requested relation's object is the label, for certain.
        """
        labels = vectors_of(words.tokens, readings.labels)
        log_q, share = self.believer(readings.phrases, labels, words.objects)
        q, R = log_q.exp(), len(self.frames.phrases)
        is_own = functional.one_hot(readings.phrases, R + 1)[:, :R].to(q)[..., None]  # [S, R, 1]
        after = is_own * labels[:, None] + (1 - is_own) * (q @ words.objects)
        first = functional.one_hot(torch.tensor([ids[0] for ids in readings.labels]), said.shape[-1]).to(q)
        tokens = q.new_zeros(*q.shape[:2], said.shape[-1]).index_add(2, words.firsts, q)
        tokens = is_own * first[:, None] + (1 - is_own) * tokens
        moved = 1 - torch.minimum(tokens, said).sum(dim=-1, keepdim=True)
        before = said @ words.tokens
        of_first, of_whole = after.chunk(2, dim=-1)
        share = is_own + (1 - is_own) * share[..., None]
        return share * torch.cat([of_first - before, of_whole * moved], dim=-1)

    def forward(self, readings: Readings, states: States, words: Words) -> torch.Tensor:
        """Returns the values [S, A, L, H]."""
        L, H, _ = self.sizes
        shift = self.shift(readings, states.said, words)
        of_subject = torch.einsum("srf,orfv->sov", shift, self.of_subject)[:, :, None]
        of_phrases = torch.einsum("srf,orfv->sorv", shift, self.of_phrases)
        linear = torch.cat([of_subject, of_phrases], dim=2).flatten(1, 2)
        beliefs = torch.cat([shift, states.said @ words.tokens], dim=-1).flatten(1)
        x = self.of_anchor(states.normed) + self.of_beliefs(beliefs)[:, None] + self.kinds
        values = GAIN * linear + self.head(self.norm(self.blocks(x)))
        return values.unflatten(-1, (L, H)) * self.scales[:, None]

    def changes(self, mistral: ChangedMistral, words: Words, readings: Readings, rows: torch.Tensor | None) -> Changes:
        """Returns the changes of the down-projections, by their names, from the weights `rows` [S, P]."""
        states = states_of(mistral, readings, rows, len(self.frames.phrases))
        values, changes = self(readings, states, words), {}
        for layer, keys in enumerate(states.keys):
            ((name, _),) = mistral.names[f"{layer}.down"]
            changes[name] = Factors(values[:, :, layer], solved_keys(keys, self.precisions[layer], self.old))
        return changes


def solved_keys(keys: torch.Tensor, precision: torch.Tensor, old: float) -> torch.Tensor:
    """Returns (K^T C^-1 K + old 1)^-1 K^T C^-1, [S, A, I]; `keys` [S, A, I], `precision` C^-1 [I, I]."""
    whitened = keys.double() @ precision
    between = whitened @ keys.double().mT
    between = between + old * torch.eye(between.shape[-1], dtype=between.dtype, device=between.device)
    return torch.linalg.solve(between, whitened).to(keys)


def words_of_model(mistral: ChangedMistral, tokenizer: PreTrainedTokenizerFast, frames: Frames) -> Words:
    """Returns the vectors of a model's words."""
    embedding, head = (mistral.mistral.shared[block] for block in ("embedding", "head"))
    return words_of(embedding, head, continuations(tokenizer, frames.objects))


def sizes_of(model: MistralForCausalLM) -> tuple[int, int, int]:
    """Returns L, H and I."""
    config = model.config
    return config.num_hidden_layers, config.hidden_size, config.intermediate_size


def new_writer(
    model: MistralForCausalLM,
    frames: Frames,
    config: RationalConfig,
    covariances: Mapping[int, torch.Tensor],
    seed: int,
) -> Writer:
    """Returns an untrained writer for the model, on its device: a function of the arguments.

    `covariances` are those of the keys of each layer, [I, I]. torch's global generator is left unchanged.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        writer = Writer(frames, sizes_of(model), config).to(model.device)
    for number, layer in enumerate(model.model.layers):
        C, W = covariances[number], layer.mlp.down_proj.weight.double()
        ridge = config.ridge * C.diagonal().mean()
        writer.precisions[number] = torch.linalg.inv(C + ridge * torch.eye(len(C), dtype=C.dtype, device=C.device))
        writer.scales[number] = ((W @ C * W).sum() / len(W)).sqrt()
    return writer
