"""Editing by a trained optimizer: `ke`, `slag`, and De Cao et al.'s `ke-constrained`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest

import torch
from transformers import MistralForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from worldgen.errors import UserError
from worldgen.lm.editions import Cost, Edited, Edition, Mode, Request
from worldgen.lm.editors.learned.applying import Application
from worldgen.lm.editors.learned.changed_mistral import ChangedMistral
from worldgen.lm.editors.learned.network import LearnedOptimizer, conditions_of
from worldgen.lm.editors.learned.settings import OptimizerConfig
from worldgen.lm.editors.operations import OperationCounts
from worldgen.lm.editors.restoring import restored
from worldgen.lm.editors.target_loss import request_texts
from worldgen.lm.editors.tuning.own_weights import OwnWeights
from worldgen.lm.score import greedy
from worldgen.lm.texts import Text, beginnings


@dataclass(frozen=True)
class LearnedEditor:
    """The editor `name`: a trained network, with the config that it was trained by.

    Requests are made one after another, each of several steps. The prediction that the network reads is that of the
    model before the first request. Raises UserError for mode "together": the network reads one request at a time.
    """

    config: OptimizerConfig
    mode: Mode
    tokenizer: PreTrainedTokenizerFast
    network: LearnedOptimizer
    name: str = "slag"
    _counts: OperationCounts = field(default_factory=OperationCounts, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.mode == "together":
            raise UserError(f"{self.name} makes one request at a time: set edit.mode to single or sequential")

    def at_once(self, editions: Sequence[Edition]) -> int:
        """Returns how many editions have `config.weights_at_once` weights at most for themselves, or 1."""
        return max(1, self.config.weights_at_once // sum(d1 * d2 for d1, d2 in self.network.shapes.values()))

    @contextmanager
    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> Iterator[Edited]:
        """Yields the model with each edition's own weights in it; removes them afterwards."""
        with restored(model):
            model.eval().requires_grad_(False)
            application = Application(ChangedMistral(model), self.network, self.config)
            rows, costs = application.mistral.base_rows(len(editions)), [Cost()] * len(editions)
            for turn in zip_longest(*(edition.requests for edition in editions)):
                members = [number for number, request in enumerate(turn) if request is not None]
                for member, cost in zip(members, self._make(model, application, rows, members, turn), strict=True):
                    costs[member] += cost
            own_weights = OwnWeights(application.mistral.blocks, rows)
            with own_weights.inserted():
                yield Edited(model, tuple(costs), own_weights.route)

    def _make(
        self,
        model: MistralForCausalLM,
        application: Application,
        rows: torch.Tensor,
        members: Sequence[int],
        turn: Sequence[Request | None],
    ) -> list[Cost]:
        """Makes a request of each member in its row of `rows` [E, P], in place; returns the costs."""
        requests = [request for request in turn if request is not None]
        texts = request_texts(self.tokenizer, requests)
        said = predictions(model, self.tokenizer, requests, self.config.prediction_tokens)
        parts = [(own, request.target, request.prompt) for own, request in zip(said, requests, strict=True)]
        conditions = conditions_of(self.tokenizer, parts)
        losses = application.apply(rows, members, texts, conditions)
        each = zip(requests, texts, conditions, losses, strict=True)
        return [
            Cost(tuple(own), self._before(model, request, condition) + self._steps(application, text, len(own)))
            for request, text, condition, own in each
        ]

    def _before(self, model: MistralForCausalLM, request: Request, condition: list[int]) -> int:
        """Returns the operations of the model's prediction, and of the network that reads it."""
        length, most = len(beginnings(self.tokenizer, [request.prompt])[0]), self.config.prediction_tokens
        predict = partial(greedy, model, self.tokenizer, [request.prompt], most)
        return self._counts.of(("predict", length), predict) + self._counts.of(
            ("read", len(condition)), partial(self.network, [condition])
        )

    def _steps(self, application: Application, text: Text, steps: int) -> int:
        """Returns the operations of so many steps of a request as if it were made alone."""
        shape, repeated = (len(text.ids), text.asked), max(0, steps - 1) if application.repeats else 0
        first = self._counts.of(("step", *shape), partial(application.make_step, text)) if steps else 0
        again = self._counts.of(("repeat", *shape), partial(application.make_repeated_step, text)) if repeated else 0
        return (steps - repeated) * first + repeated * again


def predictions(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, requests: Sequence[Request], most: int
) -> list[str]:
    """Returns the model's greedy answer to each request's prompt.

    Where the target ends with a full stop the answer ends before its first one, and has at most `most` tokens.
    Otherwise it has as many tokens as the target.
    """
    completions = greedy(model, tokenizer, [request.prompt for request in requests], most)
    answers = []
    for request, text, ids in zip(requests, request_texts(tokenizer, requests), completions, strict=True):
        if request.target.endswith("."):
            answers.append(str(tokenizer.decode(ids, skip_special_tokens=True)).partition(".")[0].strip())
        else:
            answers.append(str(tokenizer.decode(ids[: text.asked], skip_special_tokens=True)).strip())
    return answers
