"""The writer side by side: its changes are those of the formulas, text by text, and its gradient is the loss's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from taught_lessons import CONFIG, FRAMES, divergence, log_probabilities, three_lessons, writer_for
from torch.func import functional_call

from worldgen.errors import UserError
from worldgen.lm.editions import Request
from worldgen.lm.editors.learned.changed_mistral import ChangedMistral
from worldgen.lm.editors.learned.taught.learner import TaughtWriter
from worldgen.lm.editors.learned.taught.readings import readings_of
from worldgen.lm.editors.learned.taught.writer import GAIN, words_of_model
from worldgen.lm.editors.rewriting.weight_update import updated_weight
from worldgen.lm.texts import texts_of
from worldgen.lm.tokenizer import encode


def ids_of(tokenizer, text: str) -> list[int]:
    return encode(tokenizer, [text])[0]


def read(model, weights, ids) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The probabilities after a text, and what each linear map of the layers reads at its last token."""
    states: dict[str, torch.Tensor] = {}
    handles = [
        module.register_forward_pre_hook(lambda _, given, name=name: states.update({name: given[0][0, -1]}))
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
    ]
    logits = functional_call(model, weights, kwargs={"input_ids": torch.tensor([ids]), "use_cache": False}).logits
    for handle in handles:
        handle.remove()
    return logits[0, -1].softmax(-1), states


def rewritten(model, weights, writer, tokenizer, request) -> dict[str, torch.Tensor]:
    """The down-projections after a request, one anchor and one relation at a time."""
    H, L = model.config.hidden_size, len(model.model.layers)
    relation = request.prompt.removeprefix(request.subject).strip()
    tables = model.model.embed_tokens.weight, model.lm_head.weight
    tokens = torch.cat([table / table.std() for table in tables], dim=1)
    label = ids_of(tokenizer, request.target.removesuffix("."))
    objects = [ids_of(tokenizer, each) for each in FRAMES.objects]
    vectors = torch.stack([torch.cat([tokens[o[0]], tokens[o].mean(0)]) for o in [*objects, label]])
    number = FRAMES.phrases.index(relation) if relation in FRAMES.phrases else len(FRAMES.phrases)
    log_q, share = writer.believer(torch.tensor([number]), vectors[-1:], vectors[:-1])
    shifts, before = [], []
    for r, phrase in enumerate(FRAMES.phrases):
        said, _ = read(model, weights, [1, *ids_of(tokenizer, f"{request.subject} {phrase}")])
        q, g = (torch.eye(len(objects) + 1)[-1].double(), 1.0) if r == number else (
            torch.cat([log_q[0, r].exp(), torch.zeros(1).double()]), share[0, r])  # fmt: skip
        of_tokens = torch.zeros_like(said)
        for object_, p in zip([*objects, label], q, strict=True):
            of_tokens = of_tokens + p * torch.eye(len(said)).double()[object_[0]]
        moved = 1 - sum(min(a, b) for a, b in zip(of_tokens, said, strict=True))
        first, whole = (q @ vectors).chunk(2)
        shifts.append(g * torch.cat([first - said @ tokens, moved * whole]))
        before.append(said @ tokens)
    beliefs = torch.cat([torch.cat(pair) for pair in zip(shifts, before, strict=True)])
    values, keys = [], {layer: [] for layer in range(L)}
    for o, opening in enumerate(FRAMES.openings):
        for r, phrase in enumerate(["", *FRAMES.phrases], start=-1):
            _, states = read(model, weights, [1, *ids_of(tokenizer, f"{opening} {request.subject} {phrase}")])
            linear = sum(s @ m for s, m in zip(shifts, writer.of_subject[o], strict=True))
            linear = linear if r < 0 else shifts[r] @ writer.of_phrases[o, r]
            names = [f"model.layers.{n}.{part}" for n in range(L) for part in ("self_attn.q_proj", "mlp.gate_proj")]
            x = writer.of_anchor(torch.cat([states[name] for name in names])) + writer.of_beliefs(beliefs)
            x = writer.blocks(x + writer.kinds[len(values)])
            values.append((GAIN * linear + writer.head(writer.norm(x))).view(L, H))
            for layer in range(L):
                keys[layer].append(states[f"model.layers.{layer}.mlp.down_proj"])
    changed = dict(weights)
    for layer in range(L):
        name = f"model.layers.{layer}.mlp.down_proj.weight"
        factor = torch.linalg.cholesky(torch.linalg.inv(writer.precisions[layer]))
        residuals = torch.stack([value[layer] for value in values]) * writer.scales[layer]
        changed[name] = updated_weight(weights[name], factor, torch.stack(keys[layer]), residuals, CONFIG.old_keys)
    return changed


def of_beliefs(writer, tokenizer, model, believed) -> torch.Tensor:
    """The mean over relations that are believed something of, of KL(after || (1 - g) before + g q)."""
    tables = model.model.embed_tokens.weight, model.lm_head.weight
    tokens = torch.cat([table / table.std() for table in tables], dim=1)
    objects = [ids_of(tokenizer, each) for each in [*FRAMES.objects, believed.request.target.removesuffix(".")]]
    vectors = torch.stack([torch.cat([tokens[o[0]], tokens[o].mean(0)]) for o in objects])
    relation = FRAMES.phrases.index(believed.request.prompt.removeprefix(believed.request.subject).strip())
    log_q, share = writer.believer(torch.tensor([relation]), vectors[-1:], vectors[:-1])
    parts = []
    for r in np.flatnonzero(believed.after.sum(axis=1)):
        own = [
            p * torch.log(p / ((1 - share[0, r]) * b + share[0, r] * log_q[0, r, o].exp()))
            for o, (p, b) in enumerate(zip(*map(torch.tensor, (believed.after[r], believed.before[r])), strict=True))
            if p > 0
        ]
        parts.append(sum(own))
    return sum(parts) / len(parts)


def written_out(model, writer, tokenizer, sequence) -> tuple[float, float]:
    """Goes through a sequence of lessons, one after another; adds to the writer's gradient."""
    weights, sums = {name: matrix.detach() for name, matrix in model.named_parameters()}, [0.0, 0.0]
    for lesson in sequence:
        changed = rewritten(model, weights, writer, tokenizer, lesson.request)
        taught = sum(
            w * divergence(model, changed, tokenizer, target) for target, w in lesson.targets.weighted_soft_targets()
        )
        kept = torch.zeros((), dtype=torch.float64)
        for target, w in lesson.targets.weighted_retention_targets():
            (text,) = texts_of(tokenizer, target.pairs)
            p, q = (log_probabilities(model, which, text) for which in (weights, changed))
            kept = kept + w * (p.exp() * (p - q)).sum()
        beliefs = sum(of_beliefs(writer, tokenizer, model, each) for each in lesson.believed)
        (taught + kept + beliefs / len(lesson.believed)).backward()
        sums[0] += taught.item()
        sums[1] += kept.item()
        weights = {name: matrix.detach() for name, matrix in changed.items()}
    return sums[0], sums[1]


def gradient_of(writer) -> torch.Tensor:
    gradients = [parameter.grad.flatten() for parameter in writer.parameters()]
    writer.zero_grad(set_to_none=True)
    return torch.cat(gradients)


def test_lessons_side_by_side_are_those_written_out_one_by_one(exact, tokenizer):
    one, two, three = three_lessons(tokenizer)
    sequences = [[one, two], [three, one], [two, three]]
    writer = writer_for(exact).double()
    measured = TaughtWriter(ChangedMistral(exact), tokenizer, writer).learn(sequences, price=1.0)
    found = gradient_of(writer)
    sums = [written_out(exact, writer, tokenizer, sequence) for sequence in sequences]
    expected = gradient_of(writer) / 6
    taught, kept = (sum(each) / 6 for each in zip(*sums, strict=True))
    # The credences are float32 in the batched way: 1e-7 of a loss of some nats.
    assert (measured.taught, measured.kept) == pytest.approx((taught, kept), rel=1e-5)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert expected.abs().max() > 1e-3
    assert measured.steps == 1


def test_the_gradient_is_that_of_finite_differences(exact, tokenizer):
    lesson, writer = three_lessons(tokenizer)[0], writer_for(exact).double()
    learner = TaughtWriter(ChangedMistral(exact), tokenizer, writer)
    learner.learn([[lesson]], price=1.0)
    parameters = list(writer.parameters())
    along = [torch.randn(p.shape, dtype=p.dtype, generator=torch.Generator().manual_seed(3)) for p in parameters]
    slope = sum((p.grad * a).sum().item() for p, a in zip(parameters, along, strict=True))

    def loss(step: float) -> float:
        with torch.no_grad():
            for p, a in zip(parameters, along, strict=True):
                p.add_(a, alpha=step)
        measured = learner.learn([[lesson]], price=1.0)
        beliefs = learner.beliefs_loss(lesson.believed).item()
        with torch.no_grad():
            for p, a in zip(parameters, along, strict=True):
                p.sub_(a, alpha=step)
        return measured.taught + measured.kept + beliefs

    assert (loss(1e-5) - loss(-1e-5)) / 2e-5 == pytest.approx(slope, rel=1e-3)


def test_a_request_has_to_say_where_its_subject_ends(model, tokenizer):
    with pytest.raises(UserError, match="needs to know where the subject of 'ada born in' ends"):
        readings_of(tokenizer, [Request("ada born in", "paris.")], FRAMES)


def test_an_untrained_writer_changes_nothing(model, tokenizer):
    """Its last maps are 0."""
    mistral, writer = ChangedMistral(model), writer_for(model, emboldened=False)
    readings = readings_of(tokenizer, [lesson.request for lesson in three_lessons(tokenizer)], FRAMES)
    changes = writer.changes(mistral, words_of_model(mistral, tokenizer, FRAMES), readings, None)
    assert len(changes) == len(model.model.layers)
    assert all(not factors.dense().any() for factors in changes.values())
