"""The loss of a batch of targets for each of several editions of a model.

KL(p || q) of a soft target = sum over the named continuations of p_i log(p_i / q_i)
                            + sum over the first tokens v of unnamed continuations of p_v log(p_v / q_v)

q_i is the product over the continuation's tokens. q_v is the model's probability of v less the q_i of the named
continuations that begin with v. Unnamed answers are thus told apart by their first token. If all unnamed answers were
one event, their probability could go to a name that is begun and not ended, which greedy decoding would then follow.
The loss of a retention target is the sum over its continuation's tokens of KL(p || q) over the whole vocabulary, where
p is the model as earlier turns left it. The loss of an edition is the weighted mean over its targets.
Shapes: E editions, Q targets of one kind (soft or retention) of all editions, B texts, N asked tokens, R rests,
V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.editors.belief.targets import RetentionTarget, SoftTarget, TargetBatch
from worldgen.lm.editors.group_sums import group_sums
from worldgen.lm.editors.lowrank.adapters import Adapters
from worldgen.lm.editors.lowrank.frozen_mistral import FrozenMistral
from worldgen.lm.editors.lowrank.layers import LowRankLayers, concatenated
from worldgen.lm.editors.lowrank.packing import pack
from worldgen.lm.texts import texts_of

# The least share of a token's probability that unnamed continuations are taken to have: 1 - sum of q is not known
# more exactly in float32.
LEAST_REST = 1e-6


class BatchLoss:
    """The loss of one batch for each of E editions; soft targets are read in one pass, retention targets in another.

    Everything is read through the adapters of `earlier` turns too, [E, ...] like the trained ones; they stay frozen.
    """

    def __init__(
        self, model: MistralForCausalLM, tokenizer: PreTrainedTokenizerFast, batches: Sequence[TargetBatch],
        adapters: Adapters, earlier: Sequence[LowRankLayers] = (),
    ) -> None:  # fmt: skip
        self.E, self.earlier = len(batches), earlier
        soft = [(e, *each) for e, batch in enumerate(batches) for each in batch.weighted_soft_targets()]
        retention = [(e, *each) for e, batch in enumerate(batches) for each in batch.weighted_retention_targets()]
        self.parts: list[_SoftTargets | _RetentionTargets] = []
        if soft:
            reading = _Reading(model, tokenizer, soft, adapters.scale)
            self.parts.append(_SoftTargets(reading, [target for _, target, _ in soft]))
        if retention:
            no_change = [(torch.zeros_like(A), torch.zeros_like(B)) for A, B in adapters.layers()]
            reading = _Reading(model, tokenizer, retention, adapters.scale)
            self.parts.append(_RetentionTargets(reading, concatenated([*earlier, no_change])))

    def losses(self, layers: LowRankLayers) -> torch.Tensor:
        """Returns each edition's loss, [E], in nats; A must read the keys themselves (`Adapters.with_maps`)."""
        losses, layers = layers[0][0].new_zeros(self.E), concatenated([*self.earlier, layers])
        for part in self.parts:
            losses = losses.index_add(0, part.reading.edition, part.reading.weight * part.divergences(layers))
        return losses


class _Reading:
    """The texts of Q targets in one packing, each target read through its edition's adapters.

    Row b belongs to target target_of_row[b]. Target q is edition[q]'s and has the weight weight[q].
    """

    def __init__(
        self, model: MistralForCausalLM, tokenizer: PreTrainedTokenizerFast,
        weighted: Sequence[tuple[int, SoftTarget | RetentionTarget, float]], scale: float,
    ) -> None:  # fmt: skip
        editions, targets, weights = zip(*weighted, strict=True)
        device = model.lm_head.weight.device
        numbers = [number for number, target in enumerate(targets) for _ in target.pairs]
        texts = texts_of(tokenizer, [pair for target in targets for pair in target.pairs])
        packing = pack(texts, device, one_group=device.type != "cpu")
        self.frozen = FrozenMistral(model, packing, scale)
        self.target_of_row = torch.tensor([numbers[text] for text in packing.order], device=device)  # [B]
        self.edition = torch.tensor(editions, device=device)  # [Q]
        self.weight = torch.tensor(weights, device=device)  # [Q]

    def logits(self, layers: LowRankLayers) -> torch.Tensor:
        """Returns the logits that predict the asked tokens, [N, V], in float32; `layers` hold all E editions."""
        rows = self.edition[self.target_of_row]
        return self.frozen.logits([(A.index_select(0, rows), B.index_select(0, rows)) for A, B in layers]).float()

    def firsts(self) -> torch.Tensor:
        """Returns the index of each text's first asked token among the N, [B]."""
        rows = self.frozen.packing.rows
        return torch.searchsorted(rows, torch.arange(len(self.target_of_row), device=rows.device))

    def by_text(self, of_tokens: torch.Tensor) -> torch.Tensor:
        """Returns the sum over each text's asked tokens: [N] -> [B]."""
        return group_sums(of_tokens, self.frozen.packing.rows, len(self.target_of_row))

    def by_target(self, of_texts: torch.Tensor) -> torch.Tensor:
        """Returns the sum over each target's texts: [B] -> [Q]."""
        return group_sums(of_texts, self.target_of_row, len(self.edition))


class _SoftTargets:
    """The loss of soft targets; the text in row b should have the probability credence[b]."""

    def __init__(self, reading: _Reading, targets: Sequence[SoftTarget]) -> None:
        self.reading = reading
        credences = [credence for target in targets for credence in target.credences]
        in_order = [credences[text] for text in reading.frozen.packing.order]
        self.credence = torch.tensor(in_order, device=reading.weight.device)  # [B]
        self.rests = _Rests(reading, targets)

    def divergences(self, layers: LowRankLayers) -> torch.Tensor:
        """Returns the KL divergence of every soft target, [Q]."""
        reading, rests = self.reading, self.rests
        logits = reading.logits(layers)
        log_sums = logits.logsumexp(-1)
        log_q = reading.by_text(logits.gather(1, reading.frozen.packing.targets[:, None])[:, 0] - log_sums)
        of_texts = torch.special.xlogy(self.credence, self.credence) - self.credence * log_q
        log_q_token = logits[rests.asked, rests.token] - log_sums[rests.asked]
        return reading.by_target(of_texts) + rests.divergences(log_q_token, log_q)


class _Rests:
    """The rests of soft targets: R pairs of a target and a first token of its unnamed continuations.

    Rest n belongs to target of_target[n]. The unnamed continuations that begin with token[n], which is predicted at
    asked[n] among the N, should have the probability credence[n].
    The named continuation in row named[m] begins with the token of rest rest_of_named[m], of the same target.
    """

    def __init__(self, reading: _Reading, targets: Sequence[SoftTarget]) -> None:
        device = reading.weight.device
        rests = [(number, token, p) for number, target in enumerate(targets) for token, p in target.rest if p > 0]
        of_target, tokens, credences = zip(*rests, strict=True) if rests else ((), (), ())
        self.of_target, self.token = (torch.tensor(ids, dtype=torch.long, device=device) for ids in (of_target, tokens))
        self.credence = torch.tensor(credences, device=device)
        firsts = reading.firsts()
        first_of_target = firsts.new_zeros(len(targets)).scatter_reduce(
            0, reading.target_of_row, firsts, "amin", include_self=False
        )
        self.asked = first_of_target[self.of_target]
        first_tokens = reading.frozen.packing.targets[firsts].tolist()
        begins = zip(reading.target_of_row.tolist(), first_tokens, strict=True)
        number_of = {rest[:2]: number for number, rest in enumerate(rests)}
        alike = [(row, number_of[begin]) for row, begin in enumerate(begins) if begin in number_of]
        self.named, self.rest_of_named = torch.tensor(alike, dtype=torch.long, device=device).reshape(-1, 2).T
        self.targets = len(targets)

    def divergences(self, log_q_token: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
        """Returns the rests' part of every target's KL divergence, [Q].

        log_q_token [R] is log q of each rest's token, log_q [B] is log q of each text.
        """
        named = (log_q[self.named] - log_q_token[self.rest_of_named]).exp()
        share_named = torch.zeros_like(log_q_token).index_add(0, self.rest_of_named, named)
        log_q_rest = log_q_token + torch.log1p(-share_named.clamp(max=1 - LEAST_REST))
        return group_sums(self.credence * (self.credence.log() - log_q_rest), self.of_target, self.targets)


class _RetentionTargets:
    """The loss of retention targets; the model with the layers `before` gives the probabilities to retain."""

    def __init__(self, reading: _Reading, before: LowRankLayers) -> None:
        self.reading = reading
        with torch.no_grad():
            self.log_p = reading.logits(before).log_softmax(-1)  # [N, V]

    def divergences(self, layers: LowRankLayers) -> torch.Tensor:
        """Returns the KL divergence of every retention target, [Q]."""
        log_q = self.reading.logits(layers).log_softmax(-1)
        of_tokens = functional.kl_div(log_q, self.log_p, reduction="none", log_target=True).sum(dim=-1)
        return self.reading.by_target(self.reading.by_text(of_tokens))
