"""in_context: the request is read before every prompt, and a preface that is too long is refused."""

from __future__ import annotations

import pytest
from small_edits import OTHER, REQUESTS, ROUNDING

from worldgen.errors import UserError
from worldgen.lm.editions import Edition
from worldgen.lm.editors.in_context import InContext
from worldgen.lm.editors.settings import InContextConfig
from worldgen.lm.score import log_probabilities


def test_every_prompt_continues_the_preface(model, tokenizer):
    editor = InContext(InContextConfig(sentences=3), tokenizer)
    editions = [Edition(REQUESTS[:1], seed=0), Edition(REQUESTS[1:], seed=0)]
    assert editor.at_once(editions) == 2
    with editor.edit(model, editions) as edited:
        ours = log_probabilities(edited, tokenizer, [OTHER, OTHER], editions=[0, 1])
    told = ["ada born in san salvador. " * 3, "bob born in paris. " * 3]
    expected = log_probabilities(model, tokenizer, [(text + OTHER[0], OTHER[1]) for text in told])
    assert ours == pytest.approx(expected, rel=ROUNDING)
    assert edited.costs[0].losses == ()


def test_a_preface_that_is_too_long_is_refused(model, tokenizer):
    editor = InContext(InContextConfig(sentences=11), tokenizer)
    with pytest.raises(UserError, match="a preface of 66 tokens, but the model was made for 64"):
        editor.edit(model, [Edition(REQUESTS[:1], seed=0)]).__enter__()
