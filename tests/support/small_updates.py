"""Updates of the tiny models of the editors' tests, and what tests measure of learning from them."""

from __future__ import annotations

from dataclasses import replace

import torch
from transformers import PreTrainedTokenizerFast

from worldgen.lm.editors.learned.network import LearnedOptimizer, conditions_of
from worldgen.lm.editors.learned.updates import TrainingPoint, Update
from worldgen.lm.texts import Text, texts_of

SIZES = {"condition": 12, "head": 6, "lstm": 5}
WEIGHTS = {"paraphrase_weight": 0.5, "entailed_weight": 2.0, "neutral_weight": 0.7, "random_weight": 1.3}


def texts(tokenizer: PreTrainedTokenizerFast, *pairs: tuple[str, str]) -> tuple[Text, ...]:
    """Returns these (prompt, answer) pairs as texts."""
    return tuple(texts_of(tokenizer, list(pairs)))


def three_updates(tokenizer: PreTrainedTokenizerFast) -> list[Update]:
    """Returns updates with all terms, without paraphrases and entailed texts, and without neutral texts."""

    def update(main: tuple[str, str], *others: list[tuple[str, str]]) -> Update:
        condition = conditions_of(tokenizer, [("bob.", main[1], main[0])])[0]
        return Update(condition, texts(tokenizer, main)[0], *(texts(tokenizer, *pairs) for pairs in others))

    return [
        update(
            ("ada born in", "san salvador."),
            [("bob ada born in", "san salvador."), ("ada likes", "san salvador.")],
            [("ada", "true")],
            [("ada likes", "bob.")],
            [("bob likes", "ada."), ("bob likes bob", "san salvador.")],
        ),
        update(
            ("bob likes", "paris."), [], [], [("ada likes", "bob."), ("ada", "bob san.")], [("bob born in", "ada.")]
        ),
        update(("bob bob likes", "true"), [("bob ada", "true")], [("ada", "false")], [], [("paris", "ada.")]),
    ]


def four_points(tokenizer: PreTrainedTokenizerFast) -> list[TrainingPoint]:
    """Returns points of two, one, one and one updates."""
    one, two, three = (replace(update, random=()) for update in three_updates(tokenizer))
    answers = texts(tokenizer, ("bob likes", "ada."), ("ada likes", "bob."), ("bob", "paris."), ("ada", "ada."))
    own = [(one, two), (two,), (three,), (one,)]
    return [TrainingPoint(updates, known) for updates, known in zip(own, answers, strict=True)]


def embolden(network: LearnedOptimizer, factor: float = 20.0) -> LearnedOptimizer:
    """Makes the heads' outputs larger, so that the changes of weights matter; returns the network."""
    with torch.no_grad():
        for name, parameter in network.heads.named_parameters():
            if name.endswith("2.parametrizations.weight.original0"):
                parameter.mul_(factor)
    return network


def gradient_of(network: LearnedOptimizer) -> torch.Tensor:
    """Returns the gradient of all parameters as one vector, and forgets it; zeros where nothing was learned."""
    gradients = [(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in network.parameters()]
    network.zero_grad(set_to_none=True)
    return torch.cat(gradients)
