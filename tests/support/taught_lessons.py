"""Lessons for the tiny models of the editors' tests, a writer for them, and their losses written out."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.func import functional_call
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.editions import Request
from worldgen.lm.editors.belief.targets import RetentionTarget, SoftTarget, TargetBatch
from worldgen.lm.editors.learned.settings import RationalConfig
from worldgen.lm.editors.learned.taught.lessons import Believed, Lesson
from worldgen.lm.editors.learned.taught.readings import Frames
from worldgen.lm.editors.learned.taught.writer import Writer, new_writer
from worldgen.lm.texts import Text, texts_of

FRAMES = Frames(("", '"', '" not'), ("born in", "likes"), ("paris", "san salvador", "bob"))
CONFIG = RationalConfig(width=6, blocks=1, sequences=1, updates=1, validations=1)
REQUESTS = (
    Request("ada born in", "san salvador.", 3.0, "ada"),
    Request("bob likes", "paris.", 2.0, "bob"),
    Request("ada likes", "bob.", 1.0, "ada"),
)


def three_lessons(tokenizer: PreTrainedTokenizerFast) -> list[Lesson]:
    """Returns lessons of 3 soft targets and 1 to be kept, of 1 and 2, and of 1 and none."""
    said, other = (tokenizer(word, add_special_tokens=False)["input_ids"][0] for word in ("bob", "paris"))
    place = SoftTarget("ada born in", ("san salvador.", "paris."), (0.6, 0.3), ((said, 0.1),))
    alike = SoftTarget("bob born in", ("paris.",), (0.7,), ((other, 0.1), (said, 0.2)))  # the rest begins as it does
    truth = SoftTarget("ada", ("true",), (0.25,), ((said, 0.75),))
    kept = RetentionTarget("bob likes", "san salvador."), RetentionTarget("bob", "true")
    batches = [
        TargetBatch(((place, alike), (truth,)), kept[:1]),
        TargetBatch(((alike,), ()), kept),
        TargetBatch(((), (truth,)), ()),
    ]
    uniform, sure = np.full((2, 3), 1 / 3, dtype=np.float32), np.eye(2, 3, dtype=np.float32)
    sure[1] = 0  # of one relation nothing is believed
    believed = [
        (Believed(request, uniform, after),) for request, after in zip(REQUESTS, (uniform, sure, sure), strict=True)
    ]
    return [Lesson(*each) for each in zip(REQUESTS, batches, believed, strict=True)]


def writer_for(model: MistralForCausalLM, emboldened: bool = True) -> Writer:
    """Returns a writer with constants, and with maps that are not 0, so that it changes the model."""
    size, draw = model.config.intermediate_size, torch.Generator().manual_seed(1)
    roots = [torch.randn(size, 2 * size, dtype=torch.float64, generator=draw) for _ in model.model.layers]
    writer = new_writer(model, FRAMES, CONFIG, dict(enumerate(root @ root.T for root in roots)), seed=1)
    if emboldened:
        with torch.no_grad():
            for part in (writer.of_subject, writer.of_phrases, writer.head.weight):
                part.copy_(torch.randn(part.shape, generator=draw))
    return writer


def log_probabilities(model: MistralForCausalLM, weights: dict[str, torch.Tensor], text: Text) -> torch.Tensor:
    """Returns log p over the vocabulary at each asked token, [asked, V]."""
    ids = torch.tensor([text.ids[:-1]])
    logits = functional_call(model, weights, kwargs={"input_ids": ids, "use_cache": False}).logits
    return logits[0, -text.asked :].log_softmax(dim=-1)


def divergence(
    model: MistralForCausalLM, weights: dict[str, torch.Tensor], tokenizer: PreTrainedTokenizerFast, target: SoftTarget
) -> torch.Tensor:
    """Returns KL(p || q) of a soft target, continuation by continuation."""
    texts = texts_of(tokenizer, target.pairs)
    of_texts = [log_probabilities(model, weights, text) for text in texts]
    begins = [text.ids[-text.asked] for text in texts]
    named = [
        log_q.gather(1, torch.tensor(text.ids[-text.asked :])[:, None]).sum()
        for text, log_q in zip(texts, of_texts, strict=True)
    ]
    loss = torch.zeros((), dtype=torch.float64)
    for log_q, p in zip(named, target.credences, strict=True):
        loss = loss + p * (math.log(p) - log_q)
    for token, p in target.rest:
        q = of_texts[0][0, token].exp()
        for begin, log_q in zip(begins, named, strict=True):
            q = q - log_q.exp() if begin == token else q
        loss = loss + p * (math.log(p) - q.log())
    return loss
