"""`belief-memit`: MEMIT's closed form writes the values with which the model believes what an agent believes.

As in `belief`, a teacher turns requests into soft targets: the agent's answers to every relation of the subject, and
its credences of statements and their negations. The change d of the last rewritten layer's output at each prompt is
sought as in ROME, but with the mean KL divergence of the prompt's targets as loss. Then the layers are rewritten as in
MEMIT, all prompts at once. The method is in no paper.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.editions import Cost, Edited, Edition, Mode, Request, rounds
from worldgen.lm.editors.belief.belief import Teacher
from worldgen.lm.editors.belief.divergences import AskedTokens, SoftDivergences
from worldgen.lm.editors.belief.targets import SoftTarget
from worldgen.lm.editors.operations import OperationCounts, SpentOperations
from worldgen.lm.editors.restoring import put_back, restored
from worldgen.lm.editors.rewriting.memit import spread_over_layers
from worldgen.lm.editors.rewriting.output_changes import added, state_sizes
from worldgen.lm.editors.rewriting.requests_in_contexts import RequestsInContexts, requests_in_contexts
from worldgen.lm.editors.rewriting.weight_update import RewriteSite
from worldgen.lm.editors.settings import BeliefMemitConfig
from worldgen.lm.editors.stacked_adamw import StackedAdamW
from worldgen.lm.model import next_token_logits


@dataclass(frozen=True)
class BeliefMemit:
    """The editor `belief-memit`; the teacher's first batch of a turn has its targets, of which soft ones are used."""

    config: BeliefMemitConfig
    mode: Mode
    tokenizer: PreTrainedTokenizerFast
    site: RewriteSite
    teacher: Teacher
    name: str = "belief-memit"
    _counts: OperationCounts = field(default_factory=OperationCounts, repr=False, compare=False)

    def at_once(self, editions: Sequence[Edition]) -> int:
        """Returns 1: the method changes the model's own weights."""
        return 1

    @contextmanager
    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> Iterator[Edited]:
        """Yields the model with the beliefs written into it; restores it afterwards."""
        (edition,) = editions
        spent, losses = SpentOperations(self._counts), list[float]()
        with restored(model), put_back(self.site.weights(model).values()):
            model.eval().requires_grad_(False)
            for turn in range(len(rounds(self.mode, edition))):
                (batch, *_) = self.teacher.batches(model, edition, turn)
                targets = [target for target, _ in batch.weighted_soft_targets()]
                losses += self._write(model, targets, spent)
            yield Edited(model, (Cost(tuple(losses), spent.total),))

    def _write(
        self, model: MistralForCausalLM, targets: Sequence[SoftTarget], spent: SpentOperations
    ) -> tuple[float, ...]:
        """Writes what the targets say at once; returns the mean divergence before each step of the search for d."""
        texts = [Request(*pair) for target in targets for pair in target.pairs]
        batch = requests_in_contexts(self.tokenizer, texts, self.site, model.device)
        loss = BeliefLoss(model, batch, self.site, targets)
        d, losses = _sought(loss, self.config, spent)
        spread_over_layers(model, self.site, batch, d, self.config.old_keys, spent)
        return losses


class BeliefLoss:
    """The divergences of targets under changes d [P, H] of the last rewritten layer's output; d is in state sizes.

    Every target is asked after each of the site's contexts: X contexts make X targets of it.
    """

    def __init__(
        self, model: MistralForCausalLM, batch: RequestsInContexts, site: RewriteSite, targets: Sequence[SoftTarget]
    ) -> None:
        self.model, self.batch, self.layer = model, batch, site.layer
        self.sizes = state_sizes(model, batch, site.layer)  # [P, 1]
        # Rows come text by text, each after every context. Those of one target and one context are one target.
        X = len(site.contexts)
        numbers = [number for number, target in enumerate(targets) for _ in target.pairs]
        of_row = torch.tensor([number * X + x for number in numbers for x in range(X)], device=model.device)
        asked = AskedTokens(batch.batch.rows, batch.batch.targets, of_row, len(targets) * X)
        repeated = [target for target in targets for _ in range(X)]
        self.soft = SoftDivergences(asked, repeated, self._places_among_texts(targets, X))

    @staticmethod
    def _places_among_texts(targets: Sequence[SoftTarget], X: int) -> list[int]:
        """Returns for each row the number of its text, counted target by target, where each context has a target."""
        order, begin = [], 0
        for target in targets:
            texts = len(target.pairs)
            order += [begin + x * texts + text for text in range(texts) for x in range(X)]
            begin += X * texts
        return order

    def at(self, d: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the mean divergence, and the gradient [P, H] of the sum of all divergences."""
        batch, leaf = self.batch.batch, d.clone().requires_grad_()
        with torch.enable_grad(), added(self.model, self.layer, self.batch, leaf * self.sizes):
            logits = next_token_logits(self.model, batch.input_ids, batch.rows, batch.columns).float()
            divergences = self.soft.of(logits)
            (gradient,) = torch.autograd.grad(divergences.sum(), leaf)
        return divergences.detach().mean(), gradient


def _sought(
    loss: BeliefLoss, config: BeliefMemitConfig, spent: SpentOperations
) -> tuple[torch.Tensor, tuple[float, ...]]:
    """Takes `config.steps` steps of AdamW; returns the changes [P, H], and the mean divergence before each step."""
    P = loss.batch.places
    d = loss.sizes.new_zeros(P, loss.model.config.hidden_size)
    optimizer = StackedAdamW(d, config.learning_rate, clip=math.inf)
    every, losses = torch.ones(P, dtype=torch.bool, device=d.device), []
    for _ in range(config.steps):
        mean, gradient = spent.on(("step", loss.layer, *loss.batch.shape), loss.at, d)
        optimizer.step(gradient, every)
        losses.append(mean)
    return d * loss.sizes, tuple(torch.stack(losses).tolist()) if losses else ()
