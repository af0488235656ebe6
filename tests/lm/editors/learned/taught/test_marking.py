"""Lessons side by side: the loss is that of the definition, written out, and its gradient is the loss's."""

from __future__ import annotations

import math

import pytest
import torch
from small_updates import SIZES, embolden, gradient_of, texts
from torch.func import functional_call

from worldgen.lm.editors.belief.targets import RetentionTarget, SoftTarget, TargetBatch
from worldgen.lm.editors.learned.edited_matrices import edited_matrices
from worldgen.lm.editors.learned.network import conditions_of, new_network
from worldgen.lm.editors.learned.settings import RationalConfig
from worldgen.lm.editors.learned.taught.lessons import Lesson
from worldgen.lm.editors.learned.taught.marking import taught_side_by_side
from worldgen.lm.editors.learned.weight_changes import dense_change, maps_of
from worldgen.lm.texts import texts_of

CONFIG = RationalConfig(**SIZES, steps=2, training_steps=2)


@pytest.fixture
def lessons(tokenizer) -> list[Lesson]:
    """Lessons of 3 soft targets and 1 to be kept, of 1 and 2, and of 1 and none."""
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
    mains = [("ada born in", "san salvador."), ("bob likes", "paris."), ("ada", "true")]
    conditions = conditions_of(tokenizer, [("bob.", label, prompt) for prompt, label in mains])
    return [
        Lesson(*each) for each in zip(conditions, texts(tokenizer, *mains), batches, strict=True)
    ]  # fmt: skip


def log_probabilities(model, weights, text) -> torch.Tensor:
    """log p over the vocabulary at each asked token, [asked, V]."""
    ids = torch.tensor([text.ids[:-1]])
    logits = functional_call(model, weights, kwargs={"input_ids": ids, "use_cache": False}).logits
    return logits[0, -text.asked :].log_softmax(dim=-1)


def divergence(model, weights, tokenizer, target) -> torch.Tensor:
    """KL(p || q) of a soft target, continuation by continuation."""
    q_named, loss, first = [], torch.zeros((), dtype=torch.float64), None
    for pair, p in zip(target.pairs, target.credences, strict=True):
        (text,) = texts_of(tokenizer, [pair])
        log_q, asked = log_probabilities(model, weights, text), text.ids[-text.asked :]
        first = log_q[0]
        q_named.append((asked[0], sum(log_q[i, token] for i, token in enumerate(asked))))
        loss = loss + p * (math.log(p) - q_named[-1][1])
    for token, p in target.rest:
        q = first[token].exp() - sum(log_q.exp() for begins, log_q in q_named if begins == token)
        loss = loss + p * (math.log(p) - q.log())
    return loss


def written_out(model, network, tokenizer, sequence) -> tuple[float, float]:
    """Goes through a sequence of lessons, one step after another; adds to the network's gradient."""
    weights = {name: matrix.detach() for name, matrix in edited_matrices(model).items()}
    sums = [0.0, 0.0]
    for lesson in sequence:
        before = {
            pair: log_probabilities(model, weights, texts_of(tokenizer, [pair])[0])
            for target in lesson.targets.retention_targets
            for pair in target.pairs
        }
        for _ in range(CONFIG.training_steps):
            here = {name: matrix.requires_grad_() for name, matrix in weights.items()}
            main = lesson.main
            log_p = log_probabilities(model, here, main)
            loss = -log_p.gather(1, torch.tensor(main.ids[-main.asked :])[:, None]).mean()
            gradients = dict(zip(here, torch.autograd.grad(loss, list(here.values())), strict=True))
            outputs = network([lesson.condition])
            changed = {
                name: matrix.detach()
                + dense_change(maps_of(outputs[name], network.shapes[name]), gradients[name][None])[0]
                for name, matrix in weights.items()
            }
            soft, retained = lesson.targets.weighted_soft_targets(), lesson.targets.weighted_retention_targets()
            taught = sum(w * divergence(model, changed, tokenizer, target) for target, w in soft)
            kept = torch.zeros((), dtype=torch.float64)
            for target, w in retained:
                for pair in target.pairs:
                    p, q = before[pair], log_probabilities(model, changed, texts_of(tokenizer, [pair])[0])
                    kept = kept + w * (p.exp() * (p - q)).sum()
            (taught + kept).backward()
            sums[0] += taught.item()
            sums[1] += kept.item()
            weights = {name: matrix.detach() for name, matrix in changed.items()}
    return sums[0], sums[1]


def test_lessons_side_by_side_are_those_written_out_one_by_one(exact, tokenizer, lessons):
    one, two, three = lessons
    sequences = [[one, two], [three, one], [two, three]]
    network = embolden(new_network(exact, CONFIG, seed=1))
    measured = taught_side_by_side(exact, tokenizer, network, CONFIG).learn(sequences, price=1.0)
    found = gradient_of(network)
    sums = [written_out(exact, network, tokenizer, sequence) for sequence in sequences]
    expected = gradient_of(network) / 6
    taught, kept = (sum(each) / 6 for each in zip(*sums, strict=True))
    # The credences are float32 in the batched way: 1e-7 of a loss of some nats.
    assert (measured.taught, measured.kept) == pytest.approx((taught, kept), rel=1e-6)
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-7)
    assert expected.abs().max() > 1e-3
    assert measured.steps == CONFIG.training_steps
    assert measured.learned == 0


def test_a_lesson_goes_on_when_its_request_is_predicted(exact, tokenizer, lessons):
    """Its beliefs may still be others than the agent's."""
    ids = lessons[0].main.ids[:-3]
    first = log_probabilities(exact, dict(edited_matrices(exact)), type(lessons[0].main)([*ids, 0], 1)).argmax()
    predicted = Lesson(lessons[0].condition, type(lessons[0].main)([*ids, int(first)], 1), lessons[0].targets)
    network = new_network(exact, CONFIG, seed=1)
    assert taught_side_by_side(exact, tokenizer, network, CONFIG).learn([[predicted]], 1.0).steps == 2
