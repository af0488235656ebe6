"""How much of the world a model knows: the measure of pretraining (paper, figure 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluate.answers import AnswerReader
from lm.score import log_probabilities
from worldgen.world import World


def recall(model: Any, reader: AnswerReader, world: World, facts: Sequence[int]) -> dict[str, float]:
    """Over some facts: the share of truths generated, and the mean probability of the truth.

    generative_accuracy = mean [greedy("s r") is the truth];  truth_probability = mean p("truth." | "s r").
    """
    prompts = [f"{world.subjects[world.subject[f]]} {world.relations[world.relation[f]]}" for f in facts]
    truths = [world.objects[world.truth[f]] for f in facts]
    said = reader.answers(model, prompts)
    pairs = [(prompt, f"{truth}.") for prompt, truth in zip(prompts, truths, strict=True)]
    probabilities = np.exp(log_probabilities(model, reader.tokenizer, pairs))
    return {
        "generative_accuracy": float(np.mean([a == b for a, b in zip(said, truths, strict=True)])),
        "truth_probability": float(probabilities.mean()),
    }
