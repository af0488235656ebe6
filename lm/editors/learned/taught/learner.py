"""Learning from several sequences of lessons at once, each with weights of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from worldgen.lm.editors.learned.changed_mistral import ChangedMistral
from worldgen.lm.editors.learned.learning import Measured, Tally
from worldgen.lm.editors.learned.taught.believer import Words, belief_divergence, vectors_of
from worldgen.lm.editors.learned.taught.lessons import Believed, Lesson
from worldgen.lm.editors.learned.taught.marking import Marking
from worldgen.lm.editors.learned.taught.readings import asked_of, readings_of
from worldgen.lm.editors.learned.taught.writer import Writer, words_of_model


@dataclass(frozen=True)
class TaughtWriter:
    """Implements `Learner`: a lesson is one step, and begins from the weights that the one before it has left."""

    mistral: ChangedMistral
    tokenizer: PreTrainedTokenizerFast
    writer: Writer

    @cached_property
    def words(self) -> Words:
        """The words' vectors, which stay as they are."""
        return words_of_model(self.mistral, self.tokenizer, self.writer.frames)

    def learn(self, sequences: Sequence[Sequence[Lesson]], price: float) -> Measured:
        """Goes through the sequences side by side; all have the same length. See `Learner`."""
        tally = Tally(sum(map(len, sequences)))
        # Weights of their own are needed only where a lesson is followed by another.
        rows = self.mistral.base_rows(len(sequences)) if len(sequences[0]) > 1 else None
        for lessons in zip(*sequences, strict=True):
            marking = Marking(self.mistral, self.tokenizer, lessons, rows)
            requests = [lesson.request for lesson in lessons]
            readings = readings_of(self.tokenizer, requests, self.writer.frames)
            changes = self.writer.changes(self.mistral, self.words, readings, rows)
            loss = marking.loss(rows, changes)
            of_beliefs = self.beliefs_loss([each for lesson in lessons for each in lesson.believed])
            ((loss.taught + price * loss.kept).sum() / tally.updates + of_beliefs / len(sequences[0])).backward()
            tally.add(loss)
            tally.steps += len(lessons)
            if rows is not None:
                self.mistral.add(rows, torch.arange(len(rows), device=rows.device), changes)
        return tally.measured()

    def beliefs_loss(self, believed: Sequence[Believed]) -> torch.Tensor:
        """Returns the mean divergence from what is believed, 0 of nothing."""
        if not believed:
            return torch.zeros((), device=self.mistral.device)
        phrases, labels = asked_of(self.tokenizer, [each.request for each in believed], self.writer.frames)
        log_q, share = self.writer.believer(phrases, vectors_of(self.words.tokens, labels), self.words.objects)
        before, after = (
            torch.from_numpy(np.stack([getattr(each, w) for each in believed])).to(log_q) for w in ("before", "after")
        )
        return belief_divergence(log_q, share, before, after).mean()
