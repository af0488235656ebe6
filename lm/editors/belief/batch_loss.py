"""The loss of a batch of targets for each of several editions of a model.

The loss of an edition is the weighted mean over its targets' divergences (`worldgen.lm.editors.belief.divergences`).
What is to be retained is what the model says as earlier turns left it.
Shapes: E editions, Q targets of one kind (soft or retention) of all editions, B texts, N asked tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.editors.belief.divergences import AskedTokens, SoftDivergences, retention_divergences
from worldgen.lm.editors.belief.targets import RetentionTarget, SoftTarget, TargetBatch
from worldgen.lm.editors.lowrank.adapters import Adapters
from worldgen.lm.editors.lowrank.frozen_mistral import FrozenMistral
from worldgen.lm.editors.lowrank.layers import LowRankLayers, concatenated
from worldgen.lm.editors.lowrank.packing import pack
from worldgen.lm.texts import texts_of


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

    Target q is edition[q]'s and has the weight weight[q].
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
        self.order = packing.order
        target_of_row = torch.tensor([numbers[text] for text in packing.order], device=device)
        self.asked = AskedTokens(packing.rows, packing.targets, target_of_row, len(targets))
        self.edition = torch.tensor(editions, device=device)  # [Q]
        self.weight = torch.tensor(weights, device=device)  # [Q]

    def logits(self, layers: LowRankLayers) -> torch.Tensor:
        """Returns the logits that predict the asked tokens, [N, V], in float32; `layers` hold all E editions."""
        rows = self.edition[self.asked.target_of_row]
        return self.frozen.logits([(A.index_select(0, rows), B.index_select(0, rows)) for A, B in layers]).float()


class _SoftTargets:
    """The loss of soft targets."""

    def __init__(self, reading: _Reading, targets: Sequence[SoftTarget]) -> None:
        self.reading = reading
        self.soft = SoftDivergences(reading.asked, targets, reading.order)

    def divergences(self, layers: LowRankLayers) -> torch.Tensor:
        """Returns the KL divergence of every soft target, [Q]."""
        return self.soft.of(self.reading.logits(layers))


class _RetentionTargets:
    """The loss of retention targets; the model with the layers `before` gives the probabilities to retain."""

    def __init__(self, reading: _Reading, before: LowRankLayers) -> None:
        self.reading = reading
        with torch.no_grad():
            self.log_p = reading.logits(before).log_softmax(-1)  # [N, V]

    def divergences(self, layers: LowRankLayers) -> torch.Tensor:
        """Returns the KL divergence of every retention target, [Q]."""
        return retention_divergences(self.reading.asked, self.log_p, self.reading.logits(layers))
