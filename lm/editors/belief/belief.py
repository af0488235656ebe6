"""Editing towards a rational agent: low-rank adapters learn what follows from a request and what stays.

A teacher turns an edition's requests into batches, one for each step: soft targets for the request and its
neighbourhood, and retention targets for beliefs that should stay (`targets`, `batch_loss`). The method is not in the
paper. Its cost is that of the gradient steps and of what the teacher asks the model before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol

import torch
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.editions import Cost, Edited, Edition, Mode, rounds
from worldgen.lm.editors.belief.batch_loss import BatchLoss
from worldgen.lm.editors.belief.preservation import PreservationLoss
from worldgen.lm.editors.belief.targets import Pair, TargetBatch
from worldgen.lm.editors.lowrank.adapter_training import AdapterPlan, trained_adapters
from worldgen.lm.editors.lowrank.adapters import Adapters
from worldgen.lm.editors.lowrank.layers import LowRankLayers, gradient_leaves, gradients_of
from worldgen.lm.editors.lowrank.text_cost import TextCost, text_cost
from worldgen.lm.editors.operations import OperationCounts, operations_counter
from worldgen.lm.editors.rewriting.key_covariance import whitening_map
from worldgen.lm.editors.settings import BeliefConfig
from worldgen.lm.editors.stacked_adamw import StackedAdamW
from worldgen.lm.texts import texts_of

LAST_RATE = 0.1  # the share of the learning rate to which it falls linearly


class Teacher(Protocol):
    """The source of the targets: it knows what follows from requests."""

    def batches(self, model: MistralForCausalLM, edition: Edition, turn: int) -> list[TargetBatch]:
        """Returns the targets that the edition learns in this turn (see `rounds`), a batch for each step."""


@dataclass(frozen=True)
class Belief:
    """The editor `belief`.

    covariances: the covariance [I, I] of each layer's keys in the corpus. The adapters read keys that are whitened by
    them, and the preservation loss holds the adapters to change the layers' outputs for such keys little.
    adapters: the folder where each edition's adapters are saved; None: they are not saved.
    """

    config: BeliefConfig
    mode: Mode
    tokenizer: PreTrainedTokenizerFast
    teacher: Teacher
    covariances: Sequence[torch.Tensor]
    adapters: Path | None = None
    name: str = "belief"
    _counts: OperationCounts = field(default_factory=OperationCounts, repr=False, compare=False)

    def at_once(self, editions: Sequence[Edition]) -> int:
        """Returns `config.editions_at_once` divided by the most requests of a turn, at least 1.

        A batch of targets grows with the requests of its turn.
        """
        most = max(len(part) for edition in editions for part in rounds(self.mode, edition))
        return max(1, self.config.editions_at_once // most)

    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> AbstractContextManager[Edited]:
        """Returns a context with the model that has each edition's trained adapters in it."""
        plan = AdapterPlan(self.config, self.mode, self.adapters, self._maps, fresh_each_turn=True)
        return trained_adapters(model, plan, editions, partial(self._train, model))

    @cached_property
    def _maps(self) -> list[torch.Tensor]:
        """The map that whitens the keys of each layer."""
        return [whitening_map(C, self.config.ridge).float() for C in self.covariances]

    def _train(
        self, model: MistralForCausalLM, adapters: Adapters, earlier: Sequence[LowRankLayers],
        editions: Sequence[Edition], turn: int,
    ) -> list[Cost]:  # fmt: skip
        """Trains each edition's adapters in place on its batches, one a step; returns each edition's cost."""
        config, leaves = self.config, gradient_leaves(adapters.layers())
        taught, asking = zip(*(self._taught(model, edition, turn) for edition in editions), strict=True)
        preservation = PreservationLoss(model, self.covariances, adapters.scale)
        restraint = self._restraint(editions, turn).to(adapters.weights)
        optimizer = StackedAdamW(adapters.weights, config.learning_rate, config.gradient_clip)
        all_active = torch.ones(len(editions), dtype=torch.bool, device=adapters.weights.device)
        losses: list[torch.Tensor] = []
        for step, batches in enumerate(zip(*taught, strict=True)):
            batch_loss = BatchLoss(model, self.tokenizer, batches, adapters, earlier)
            with torch.enable_grad():
                layers = adapters.with_maps(leaves)
                loss = batch_loss.losses(layers) + restraint * preservation.of(layers)
                gradients = gradients_of(loss.sum(), leaves)
            optimizer.learning_rate = config.learning_rate * (1 - (1 - LAST_RATE) * step / config.steps)
            optimizer.step(gradients, all_active)
            losses.append(loss.detach())
        by_edition = torch.stack(losses, dim=1).tolist() if losses else [[]] * len(editions)
        preserving = self._preservation_operations(preservation, adapters)
        earlier_rank = sum(A.shape[1] for (A, _), *_ in earlier)
        learning = [self._learning_operations(model, batches, earlier_rank) for batches in taught]
        return [
            Cost(tuple(own_losses), asked + learned + len(batches) * preserving)
            for own_losses, asked, learned, batches in zip(by_edition, asking, learning, taught, strict=True)
        ]

    def _restraint(self, editions: Sequence[Edition], turn: int) -> torch.Tensor:
        """Returns the weight of each edition's preservation loss, [E]: `config.restraint` / requests in the turn.

        r requests share one batch, and change the layers' outputs r times as much as one request.
        """
        requests = [len(rounds(self.mode, edition)[turn]) for edition in editions]
        return self.config.restraint / torch.tensor(requests)

    def _taught(self, model: MistralForCausalLM, edition: Edition, turn: int) -> tuple[list[TargetBatch], int]:
        """Returns an edition's batches, and the operations of what the teacher asked the model."""
        with operations_counter() as counter:
            batches = self.teacher.batches(model, edition, turn)
        return batches, counter.get_total_flops()

    def _learning_operations(self, model: MistralForCausalLM, batches: Sequence[TargetBatch], earlier_rank: int) -> int:
        """Returns the operations of a step on each batch; retention targets are read once more, before the step."""
        soft = [pair for batch in batches for target, _ in batch.weighted_soft_targets() for pair in target.pairs]
        retention = [pair for batch in batches for target in batch.retention_targets for pair in target.pairs]

        def costs(pairs: Sequence[Pair]) -> list[TextCost]:
            texts = texts_of(self.tokenizer, pairs)
            return [text_cost(self._counts, model, self.config, text, earlier_rank) for text in texts]

        retained = costs(retention)
        return sum(cost.once + cost.step for cost in [*costs(soft), *retained]) + sum(c.forward for c in retained)

    def _preservation_operations(self, preservation: PreservationLoss, adapters: Adapters) -> int:
        """Returns the operations of one edition's preservation loss in a step: with the maps, forward and backward."""

        def step() -> None:
            leaves = gradient_leaves(adapters.layers())
            with torch.enable_grad():
                gradients_of(preservation.of(adapters.with_maps(leaves)).sum(), leaves)

        editions = len(adapters.weights)
        return self._counts.of(("preservation", editions), step) // editions
