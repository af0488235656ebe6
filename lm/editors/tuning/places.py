"""Places side by side, in each of which one edition is tuned; an edition that is done leaves its place to the next one.

Forward and backward are batched over the places. Clipping, optimizer, steps and end are a place's own, so that every
edition has the steps that it would have alone.
Shapes: E editions, P weights of an edition, S occupied places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn
from transformers import MistralForCausalLM

from worldgen.lm.editors.settings import ConstrainedFineTuningConfig, FineTuningConfig
from worldgen.lm.editors.tuning.matrices import as_matrices, row_of, tuned_blocks
from worldgen.lm.editors.tuning.stacked_mistral import StackedMistral, add_up_embeddings
from worldgen.lm.editors.tuning.stacked_texts import StackedTexts, stack_texts
from worldgen.lm.editors.tuning.steps import learned_texts, new_optimizer
from worldgen.lm.log_p import log_p_of_targets
from worldgen.lm.texts import Text

Turns = Sequence[Sequence[Text]]  # the texts that an edition learns in each of its turns
Losses = list[tuple[float, ...]]  # the losses of each turn

# The places of a CPU, by measurement (docs/editing.md). On a GPU every edition has a place at once.
CPU_PLACES = 8
# RMSProp has no fused kernel and goes over its weights several times: pieces that stay in a CPU's cache.
PIECE = 2**15


@dataclass
class _Occupant:
    """The edition in a place, in its present turn."""

    edition: int
    optimizer: torch.optim.Optimizer
    """Its parameters are the place's row of weights, in one piece or several, in the memory of all rows."""
    losses: list[float] = field(default_factory=list)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The place's weights."""
        return self.optimizer.param_groups[0]["params"]


class Places:
    """The places, the editions in them, and the results of the editions that have left."""

    def __init__(self, model: MistralForCausalLM, config: FineTuningConfig, editions: Sequence[Turns]) -> None:
        self.config, self.editions = config, editions
        self.blocks, self.device = tuned_blocks(model, config), model.lm_head.weight.device
        self.mistral, self.base = StackedMistral(model, self.blocks), row_of(self.blocks)
        self.results, self.losses = self.base.new_empty(len(editions), len(self.base)), [Losses() for _ in editions]
        count = min(len(editions), CPU_PLACES) if self.device.type == "cpu" else len(editions)
        self.weights = self.base.repeat(count, 1)
        self.gradients = torch.empty_like(self.weights)
        # Neighbours have about the same length, so that there is little padding.
        order = sorted(range(len(editions)), key=lambda number: -_longest(editions[number]))
        self.waiting: Iterator[int] = iter(order[count:])
        self.occupants = [_Occupant(edition, self._optimizer(place)) for place, edition in enumerate(order[:count])]

    def run(self) -> tuple[torch.Tensor, list[Losses]]:
        """Tunes all editions. Returns their weights [E, P] and their losses."""
        while self.occupants:
            texts = [self.editions[each.edition][len(self.losses[each.edition])] for each in self.occupants]
            # From the last place on, because the last occupant may move into a place that becomes free.
            for place in reversed(self._steps(stack_texts(texts, self.device))):
                self._end_turn(place)
        return self.results, self.losses

    def _optimizer(self, place: int) -> torch.optim.Optimizer:
        """Returns an optimizer of a place's weights; it finds their gradient in `gradients`."""
        # Every weight is optimized for itself, so that the row need not be cut into matrices.
        pieces = self.config.optimizer == "rmsprop" and self.device.type == "cpu"
        parameters = [nn.Parameter(part) for part in self.weights[place].split(PIECE if pieces else len(self.base))]
        for parameter, gradient in zip(parameters, self.gradients[place].split(len(parameters[0])), strict=True):
            parameter.grad = gradient
        return new_optimizer(parameters, self.config, fused=self.config.optimizer != "rmsprop")

    def _steps(self, texts: StackedTexts) -> list[int]:
        """Takes steps in all places until the turn of some place is at its end. Returns these places, in order."""
        ended: list[int] = []
        while not ended:
            ended = [place for place, each in enumerate(self.occupants) if len(each.losses) == self.config.steps]
            ended = ended or self._step(texts)
        return ended

    def _step(self, texts: StackedTexts) -> list[int]:
        """Takes a step in every place that has not learned its texts. Returns the places that have, in order."""
        S = len(self.occupants)
        weights, gradients = (as_matrices(rows[:S], self.blocks) for rows in (self.weights, self.gradients))
        with torch.enable_grad():
            embedded = self.mistral.embedded(weights, texts).requires_grad_()
            logits = self.mistral.logits(embedded, weights, gradients, texts).flatten(0, 1)
            log_p = log_p_of_targets(logits, texts.targets.flatten())
            losses = texts.losses(log_p)
            learned = texts.all_of_each(
                learned_texts(self.config, logits, log_p, texts.targets.flatten(), texts.rows.flatten(), texts.count)
            ).tolist()
            if not all(learned):
                (of_embedded,) = torch.autograd.grad(losses.sum(), embedded)
        if not all(learned):
            if "embedding" in gradients:
                add_up_embeddings(gradients["embedding"], of_embedded, texts)
            _clip(self.gradients[:S], self.config.gradient_clip)
        for occupant, loss, is_learned in zip(self.occupants, losses.tolist(), learned, strict=True):
            if not is_learned:
                self._move(occupant)
                occupant.losses.append(loss)
        return [place for place, is_learned in enumerate(learned) if is_learned]

    @torch.no_grad()
    def _move(self, occupant: _Occupant) -> None:
        """Takes the optimizer's step; for `ft-l` each weight then goes to the nearest point of the ball."""
        occupant.optimizer.step()
        if isinstance(self.config, ConstrainedFineTuningConfig):
            most = self.config.max_norm
            for weights, base in zip(occupant.parameters, self.base.split(len(occupant.parameters[0])), strict=True):
                weights.copy_(base + (weights - base).clamp(-most, most))

    def _end_turn(self, place: int) -> None:
        """Begins the edition's next turn; after the last one the place is free."""
        occupant = self.occupants[place]
        turns = self.losses[occupant.edition]
        turns.append(tuple(occupant.losses))
        if len(turns) < len(self.editions[occupant.edition]):
            self.occupants[place] = _Occupant(occupant.edition, self._optimizer(place))
        else:
            self.results[occupant.edition] = self.weights[place]
            self._fill(place)

    def _fill(self, place: int) -> None:
        """Fills a free place with the next edition, else with the occupant of the last place."""
        following = next(self.waiting, None)
        if following is not None:
            self.weights[place] = self.base
            self.occupants[place] = _Occupant(following, self._optimizer(place))
            return
        moving = self.occupants.pop()
        last = len(self.occupants)
        if place == last:
            return
        self.weights[place] = self.weights[last]
        moved = _Occupant(moving.edition, self._optimizer(place), moving.losses)
        for weights, former in zip(moved.parameters, moving.parameters, strict=True):
            moved.optimizer.state[weights] = moving.optimizer.state[former]
        self.occupants[place] = moved


def _longest(turns: Turns) -> int:
    return max(len(text.ids) for texts in turns for text in texts)


def _clip(gradients: torch.Tensor, most: float) -> None:
    """Scales each place's gradient [S, P] in place, as `torch.nn.utils.clip_grad_norm_` does it.

    g <- g min(1, most / (|g| + 1e-6))
    """
    norms = torch.linalg.vector_norm(gradients, dim=1, keepdim=True)
    gradients.mul_((most / (norms + 1e-6)).clamp(max=1.0))
