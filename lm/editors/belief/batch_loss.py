"""Exercises: how far several editions of a model are from what they should believe, and which way leads there.

KL(p || q) of a lesson = sum over the named continuations of p_i log(p_i / q_i)
                        + sum over the tokens that others begin with of p_v log(p_v / q_v)

q_i is the product over the continuation's tokens, q_v what the model gives to v less the q_i of what begins with it. So
answers are told apart at their first token. Were all that are not named one event, their share could go to a name
that is begun and not ended, which greedy decoding would then follow.
The divergence of a habit is the sum over its continuation's tokens of KL(p || q) over the whole vocabulary, p being
the model as earlier turns left it. The loss of an edition is the mean of them by their shares.
Shapes: E editions, Q lessons or habits of them all, B texts, N asked tokens, R rests, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch.nn import functional
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.editors.belief.targets import RetentionTarget, SoftTarget, TargetBatch
from worldgen.lm.editors.lowrank.adapters import Adapters
from worldgen.lm.editors.lowrank.frozen_mistral import FrozenMistral
from worldgen.lm.editors.lowrank.layers import Layers, beside
from worldgen.lm.editors.lowrank.packing import pack
from worldgen.lm.texts import texts_of

Member = TypeVar("Member")
Shared = tuple[int, Member, float]  # an edition, a lesson or habit of its, and what that counts
LEAST_REST = 1e-6  # of what begins with a token: float32 cannot tell 1 - sum of q from less


class BatchLoss:
    """One sheet of each of E editions; their lessons are read in one pass, their habits in another.

    All is read through the adapters of `earlier` turns too, [E, ...] as the others, which stay as they are.
    """

    def __init__(
        self, model: MistralForCausalLM, tokenizer: PreTrainedTokenizerFast, sheets: Sequence[TargetBatch],
        adapters: Adapters, earlier: Sequence[Layers] = (),
    ) -> None:  # fmt: skip
        self.E, self.earlier = len(sheets), earlier
        lessons = [(edition, *each) for edition, sheet in enumerate(sheets) for each in sheet.weighted_soft_targets()]
        habits = [
            (edition, *each) for edition, sheet in enumerate(sheets) for each in sheet.weighted_retention_targets()
        ]
        self.parts: list[_Lessons | _Habits] = []
        if lessons:
            reading = _Reading(model, tokenizer, lessons, adapters.scale)
            self.parts.append(_Lessons(reading, [lesson for _, lesson, _ in lessons]))
        if habits:
            nothing = [(torch.zeros_like(A), torch.zeros_like(B)) for A, B in adapters.layers()]
            self.parts.append(_Habits(_Reading(model, tokenizer, habits, adapters.scale), beside([*earlier, nothing])))

    def losses(self, layers: Layers) -> torch.Tensor:
        """The divergences of each edition, summed by their shares, [E], in nats; the keys read by A as they are."""
        losses, layers = layers[0][0].new_zeros(self.E), beside([*self.earlier, layers])
        for part in self.parts:
            losses = losses.index_add(0, part.reading.edition, part.reading.share * part.divergences(layers))
        return losses


class _Reading:
    """The texts of Q lessons or habits in one batch, each of them read through its edition's adapters.

    Row b belongs to member owner[b], which is edition[owner[b]]'s and counts share[owner[b]].
    """

    def __init__(
        self, model: MistralForCausalLM, tokenizer: PreTrainedTokenizerFast,
        shared: Sequence[Shared[SoftTarget]] | Sequence[Shared[RetentionTarget]], scale: float,
    ) -> None:  # fmt: skip
        editions, members, shares = zip(*shared, strict=True)
        device = model.lm_head.weight.device
        owners = [number for number, member in enumerate(members) for _ in member.pairs]
        texts = texts_of(tokenizer, [pair for member in members for pair in member.pairs])
        packing = pack(texts, device, one_group=device.type != "cpu")
        self.frozen = FrozenMistral(model, packing, scale)
        self.owner = torch.tensor([owners[text] for text in packing.order], device=device)  # [B], row by row
        self.edition = torch.tensor(editions, device=device)  # [Q]
        self.share = torch.tensor(shares, device=device)  # [Q]

    def logits(self, layers: Layers) -> torch.Tensor:
        """Those that predict the asked tokens, [N, V], in float32; the layers are the editions', A [E, r, I] each."""
        rows = self.edition[self.owner]
        return self.frozen.logits([(A.index_select(0, rows), B.index_select(0, rows)) for A, B in layers]).float()

    def firsts(self) -> torch.Tensor:
        """Where the first asked token of each text stands among the N, [B]."""
        rows = self.frozen.packing.rows
        return torch.searchsorted(rows, torch.arange(len(self.owner), device=rows.device))

    def by_text(self, of_tokens: torch.Tensor) -> torch.Tensor:
        """[B]: values of asked tokens, summed over each text."""
        return of_tokens.new_zeros(len(self.owner)).index_add(0, self.frozen.packing.rows, of_tokens)

    def by_member(self, of_texts: torch.Tensor) -> torch.Tensor:
        """[Q]: values of texts, summed over each lesson or habit."""
        return of_texts.new_zeros(len(self.edition)).index_add(0, self.owner, of_texts)


class _Lessons:
    """Lessons, which say what should be believed: text b should have credence[b]."""

    def __init__(self, reading: _Reading, lessons: Sequence[SoftTarget]) -> None:
        self.reading = reading
        credences = [credence for lesson in lessons for credence in lesson.credences]
        in_order = [credences[text] for text in reading.frozen.packing.order]
        self.credence = torch.tensor(in_order, device=reading.share.device)  # [B]
        self.rests = _Rests(reading, lessons)

    def divergences(self, layers: Layers) -> torch.Tensor:
        """KL of every lesson, [Q]."""
        reading, rests = self.reading, self.rests
        logits = reading.logits(layers)
        log_sums = logits.logsumexp(-1)
        log_q = reading.by_text(logits.gather(1, reading.frozen.packing.targets[:, None])[:, 0] - log_sums)
        of_texts = torch.special.xlogy(self.credence, self.credence) - self.credence * log_q
        return reading.by_member(of_texts) + rests.divergences(
            logits[rests.place, rests.token] - log_sums[rests.place], log_q
        )


class _Rests:
    """What lessons leave to continuations that they do not name, by the token that these begin with.

    Rest n is of_lesson[n]'s: what begins with token[n], predicted at place[n] among the N, should have credence[n]. The
    text named[m] begins as the rest begun[m] of its lesson does.
    """

    def __init__(self, reading: _Reading, lessons: Sequence[SoftTarget]) -> None:
        device = reading.share.device
        rests = [(number, token, p) for number, lesson in enumerate(lessons) for token, p in lesson.rest if p > 0]
        of_lesson, tokens, credences = zip(*rests, strict=True) if rests else ((), (), ())
        self.of_lesson, self.token = (torch.tensor(ids, dtype=torch.long, device=device) for ids in (of_lesson, tokens))
        self.credence = torch.tensor(credences, device=device)
        firsts = reading.firsts()
        of_lessons = firsts.new_zeros(len(lessons)).scatter_reduce(0, reading.owner, firsts, "amin", include_self=False)
        self.place = of_lessons[self.of_lesson]
        begins = zip(reading.owner.tolist(), reading.frozen.packing.targets[firsts].tolist(), strict=True)
        number_of = {rest[:2]: number for number, rest in enumerate(rests)}
        alike = [(text, number_of[begin]) for text, begin in enumerate(begins) if begin in number_of]
        self.named, self.begun = torch.tensor(alike, dtype=torch.long, device=device).reshape(-1, 2).T
        self.lessons = len(lessons)

    def divergences(self, log_begun: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
        """What they add to the KL of every lesson, [Q], by what the model gives to the tokens and to the texts."""
        named = torch.zeros_like(log_begun).index_add(0, self.begun, (log_q[self.named] - log_begun[self.begun]).exp())
        log_left = log_begun + torch.log1p(-named.clamp(max=1 - LEAST_REST))
        of_rests = self.credence * (self.credence.log() - log_left)
        return log_q.new_zeros(self.lessons).index_add(0, self.of_lesson, of_rests)


class _Habits:
    """Habits, of which the model with the layers `before` says what they are."""

    def __init__(self, reading: _Reading, before: Layers) -> None:
        self.reading = reading
        with torch.no_grad():
            self.log_p = reading.logits(before).log_softmax(-1)  # [N, V]

    def divergences(self, layers: Layers) -> torch.Tensor:
        """KL of every habit, [Q]."""
        log_q = self.reading.logits(layers).log_softmax(-1)
        of_tokens = functional.kl_div(log_q, self.log_p, reduction="none", log_target=True).sum(dim=-1)
        return self.reading.by_member(self.reading.by_text(of_tokens))
