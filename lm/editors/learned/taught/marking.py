"""The loss of a lesson after a step: the weighted divergences of its targets.

    taught = sum over soft targets of w KL(p || q),  kept = sum over retention targets of w KL(p || q)
with the divergences of `worldgen.lm.editors.belief.divergences` and the weights w of `TargetBatch`. q is the changed
model. p of a soft target are credences; of a retention target it is the model before the lesson, a constant.
Shapes: S lessons, Q targets of one kind of all lessons, N asked tokens, P edited weights, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedTokenizerFast

from worldgen.lm.editors.belief.divergences import AskedTokens, SoftDivergences, retention_divergences
from worldgen.lm.editors.belief.targets import RetentionTarget, SoftTarget
from worldgen.lm.editors.learned.changed_mistral import ChangedMistral
from worldgen.lm.editors.learned.objective import Loss
from worldgen.lm.editors.learned.taught.lessons import Lesson
from worldgen.lm.editors.learned.weight_changes import Changes
from worldgen.lm.editors.tuning.stacked_texts import stack_texts
from worldgen.lm.texts import texts_of

Weighted = Sequence[tuple[SoftTarget | RetentionTarget, float]]


class Marking:
    """Marks S lessons. What is to be kept is what the model says by the weights `rows` [S, P], its own for None."""

    def __init__(
        self, mistral: ChangedMistral, tokenizer: PreTrainedTokenizerFast, lessons: Sequence[Lesson],
        rows: torch.Tensor | None,
    ) -> None:  # fmt: skip
        soft = [list(lesson.targets.weighted_soft_targets()) for lesson in lessons]
        kept = [list(lesson.targets.weighted_retention_targets()) for lesson in lessons]
        self.soft, self.kept = (_Reading(mistral, tokenizer, weighted) for weighted in (soft, kept))
        targets = [target for own in soft for target, _ in own]
        self.divergences = SoftDivergences(self.soft.asked, targets, range(sum(len(t.pairs) for t in targets)))
        with torch.no_grad():
            self.log_p = self.kept.logits(rows).log_softmax(-1) if self.kept.has_texts else None

    def loss(self, rows: torch.Tensor | None, changes: Changes) -> Loss:
        """Returns the losses of the lessons, [S] each, by the weights `rows` and these changes."""
        taught = self.soft.of_lessons(self.divergences.of(self.soft.logits(rows, changes)))
        if self.log_p is None:
            return Loss(taught, torch.zeros_like(taught))
        logits = self.kept.logits(rows, changes)
        return Loss(taught, self.kept.of_lessons(retention_divergences(self.kept.asked, self.log_p, logits)))


class _Reading:
    """The texts of Q targets, each read by its lesson's model.

    Target q is lesson[q]'s and has the weight weight[q].
    """

    def __init__(
        self, mistral: ChangedMistral, tokenizer: PreTrainedTokenizerFast, weighted: Sequence[Weighted]
    ) -> None:  # fmt: skip
        self.mistral, device = mistral, mistral.device
        flat = [(s, target, weight) for s, own in enumerate(weighted) for target, weight in own]
        self.has_texts, self.S = bool(flat), len(weighted)
        self.lesson = torch.tensor([s for s, *_ in flat], dtype=torch.long, device=device)  # [Q]
        self.weight = torch.tensor([weight for *_, weight in flat], device=device)  # [Q]
        if flat:
            self._stack(tokenizer, weighted)

    def _stack(self, tokenizer: PreTrainedTokenizerFast, weighted: Sequence[Weighted]) -> None:
        """Stacks the texts of each lesson, and numbers those that are there in their order."""
        of_lessons = [[pair for target, _ in own for pair in target.pairs] for own in weighted]
        texts = iter(texts_of(tokenizer, [pair for pairs in of_lessons for pair in pairs]))
        self.texts = stack_texts([[next(texts) for _ in pairs] for pairs in of_lessons], self.mistral.device)
        S, R, _ = self.texts.ids.shape
        rows, targets = self.texts.rows.flatten(), self.texts.targets.flatten()
        self.real = (rows < S * R).nonzero()[:, 0]
        places = torch.tensor([s * R + i for s, pairs in enumerate(of_lessons) for i in range(len(pairs))])
        numbers = torch.zeros(S * R, dtype=torch.long)
        numbers[places] = torch.arange(len(places))
        each = [target for own in weighted for target, _ in own]
        of_text = torch.tensor([q for q, target in enumerate(each) for _ in target.pairs], device=rows.device)
        self.asked = AskedTokens(numbers.to(rows.device)[rows[self.real]], targets[self.real], of_text, len(each))

    def logits(self, rows: torch.Tensor | None, changes: Changes | None = None) -> torch.Tensor:
        """Returns the logits [N, V] of the asked tokens, in float32 at least."""
        logits = self.mistral.logits(self.texts, rows, changes).flatten(0, 1)[self.real]
        return logits.to(torch.promote_types(logits.dtype, torch.float32))

    def of_lessons(self, divergences: torch.Tensor) -> torch.Tensor:
        """Returns the weighted sum of each lesson's divergences: [Q] -> [S]."""
        return divergences.new_zeros(self.S).index_add(0, self.lesson, self.weight.to(divergences) * divergences)
