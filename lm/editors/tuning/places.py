"""Places side by side, in each of which one edition is tuned; an edition that is done leaves its place to the next one.

Forward and backward are batched over the places. Clipping, optimizer, steps and end are a place's own, so that every
edition has the steps that it would have alone.
Shapes: E editions, S occupied places, N asked tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn
from transformers import MistralForCausalLM

from worldgen.lm.editors.settings import ConstrainedFineTuningConfig, FineTuningConfig
from worldgen.lm.editors.tuning.matrices import tuned_blocks, weights_of
from worldgen.lm.editors.tuning.stacked_mistral import StackedMistral, Weights
from worldgen.lm.editors.tuning.stacked_texts import StackedTexts, stack_texts
from worldgen.lm.editors.tuning.steps import learned_texts, new_optimizer
from worldgen.lm.log_p import log_p_of_targets
from worldgen.lm.texts import Text

Turns = Sequence[Sequence[Text]]  # the texts that an edition learns in each of its turns
Losses = list[tuple[float, ...]]  # the losses of each turn

# The places of a CPU, by measurement (docs/editing.md). On a GPU every edition has a place at once.
CPU_PLACES = 8


@dataclass
class _Occupant:
    """The edition in a place, in its present turn."""

    edition: int
    optimizer: torch.optim.Optimizer
    """Its parameters are the place's weights, block after block, in the memory of the stacked weights."""
    losses: list[float] = field(default_factory=list)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The place's weights."""
        return self.optimizer.param_groups[0]["params"]


class Places:
    """The places, the editions in them, and the results of the editions that have left."""

    def __init__(self, model: MistralForCausalLM, config: FineTuningConfig, editions: Sequence[Turns]) -> None:
        blocks, self.device = tuned_blocks(model, config), model.lm_head.weight.device
        self.config, self.editions = config, editions
        self.mistral, self.base = StackedMistral(model, frozenset(blocks)), weights_of(blocks)
        self.results, self.losses = self._copies(len(editions)), [Losses() for _ in editions]
        count = min(len(editions), CPU_PLACES) if self.device.type == "cpu" else len(editions)
        self.weights = self._copies(count)
        # Neighbours have about the same length, so that there is little padding.
        order = sorted(range(len(editions)), key=lambda number: -_longest(editions[number]))
        self.waiting: Iterator[int] = iter(order[count:])
        self.occupants = [_Occupant(edition, self._optimizer(place)) for place, edition in enumerate(order[:count])]

    def run(self) -> tuple[Weights, list[Losses]]:
        """Tunes all editions. Returns their weights [E, out, in] by block, and the losses of each."""
        while self.occupants:
            texts = [self.editions[each.edition][len(self.losses[each.edition])] for each in self.occupants]
            # From the last place on, because the last occupant may move into a place that becomes free.
            for place in reversed(self._steps(stack_texts(texts, self.device))):
                self._end_turn(place)
        return self.results, self.losses

    def _copies(self, count: int) -> dict[str, torch.Tensor]:
        return {name: base.repeat(count, 1, 1) for name, base in self.base.items()}

    def _optimizer(self, place: int) -> torch.optim.Optimizer:
        parameters = [nn.Parameter(weights[place]) for weights in self.weights.values()]
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
        leaves = {name: every[: len(self.occupants)].detach().requires_grad_() for name, every in self.weights.items()}
        with torch.enable_grad():
            logits = self.mistral.logits(leaves, texts).flatten(0, 1)
            log_p = log_p_of_targets(logits, texts.targets.flatten())
            losses = texts.losses(log_p)
            # No edition's loss depends on another's weights: the gradient of the sum is each edition's own gradient.
            gradients = torch.autograd.grad(losses.sum(), list(leaves.values()))
        learned = texts.all_of_each(
            learned_texts(self.config, logits, log_p, texts.targets.flatten(), texts.rows.flatten(), texts.count)
        ).tolist()
        _clip(gradients, self.config.gradient_clip)
        for place, (occupant, loss) in enumerate(zip(self.occupants, losses.tolist(), strict=True)):
            if not learned[place]:
                self._move(occupant, [gradient[place] for gradient in gradients])
                occupant.losses.append(loss)
        return [place for place, is_learned in enumerate(learned) if is_learned]

    @torch.no_grad()
    def _move(self, occupant: _Occupant, gradients: Sequence[torch.Tensor]) -> None:
        """Takes the optimizer's step; for `ft-l` each weight then goes to the nearest point of the ball."""
        for parameter, gradient in zip(occupant.parameters, gradients, strict=True):
            parameter.grad = gradient
        occupant.optimizer.step()
        occupant.optimizer.zero_grad(set_to_none=True)
        if isinstance(self.config, ConstrainedFineTuningConfig):
            most = self.config.max_norm
            for parameter, base in zip(occupant.parameters, self.base.values(), strict=True):
                parameter.copy_(base + (parameter - base).clamp(-most, most))

    def _end_turn(self, place: int) -> None:
        """Begins the edition's next turn; after the last one the place is free."""
        occupant = self.occupants[place]
        turns = self.losses[occupant.edition]
        turns.append(tuple(occupant.losses))
        if len(turns) < len(self.editions[occupant.edition]):
            self.occupants[place] = _Occupant(occupant.edition, self._optimizer(place))
            return
        for name, results in self.results.items():
            results[occupant.edition] = self.weights[name][place]
        self._fill(place)

    def _fill(self, place: int) -> None:
        """Fills a free place with the next edition, else with the occupant of the last place."""
        following = next(self.waiting, None)
        if following is not None:
            for name, weights in self.weights.items():
                weights[place] = self.base[name]
            self.occupants[place] = _Occupant(following, self._optimizer(place))
            return
        moving = self.occupants.pop()
        if place == len(self.occupants):
            return
        for weights in self.weights.values():
            weights[place] = weights[len(self.occupants)]
        optimizer, before = self._optimizer(place), moving.parameters
        moved = _Occupant(moving.edition, optimizer, moving.losses)
        for parameter, former in zip(moved.parameters, before, strict=True):
            optimizer.state[parameter] = moving.optimizer.state[former]
        self.occupants[place] = moved


def _longest(turns: Turns) -> int:
    return max(len(text.ids) for texts in turns for text in texts)


@torch.no_grad()
def _clip(gradients: Sequence[torch.Tensor], most: float) -> None:
    """Scales each place's gradients in place: g <- g min(1, most / (|g| + 1e-6)), as `torch.nn.utils.clip_grad_norm_`.

    |g| is the norm over all blocks of the place.
    """
    norms = torch.stack([torch.linalg.vector_norm(gradient, dim=(1, 2)) for gradient in gradients]).norm(dim=0)  # [S]
    factors = (most / (norms + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factors[:, None, None])
