"""What `belief` is taught where a source makes the request: what a rational mind makes of it."""

from __future__ import annotations

from functools import cache

import pytest
import source_benches
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.evaluate.asking.questions import fact_prompt
from worldgen.evaluate.sources.trials import trials_of
from worldgen.evaluate.teaching.teacher import teacher_of
from worldgen.grammar import Atom, truth_prompt
from worldgen.lm.editors.belief.targets import SoftTarget
from worldgen.lm.editors.settings import BeliefConfig
from worldgen.lm.model import new_model
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import train_word_tokenizer
from worldgen.worlds.world import NONE

WORLD, MIND, CASES = source_benches.world(), source_benches.mind(), source_benches.cases()
CONFIG = BeliefConfig(steps=1, joined=0, kept=0)


def credence(targets: dict[str, SoftTarget], prompt: str, object_: int) -> float:
    """The credence that the target of a prompt gives an object; 0 for one that is not spelled out."""
    target = targets[prompt]
    said = dict(zip(target.continuations, target.credences, strict=True))
    return said.get(f"{WORLD.objects[object_]}.", 0.0)


@cache
def new_models() -> tuple[MistralForCausalLM, PreTrainedTokenizerFast]:
    """An untrained model, and a tokenizer that knows the tags."""
    names = (WORLD.relations, WORLD.objects, WORLD.subjects, WORLD.sources.tags)
    tokenizer = train_word_tokenizer([label for some in names for label in some.labels])
    return new_model(
        PretrainConfig(hidden=16, intermediate=32, layers=1, heads=2, kv_heads=2), tokenizer, 0
    ).eval(), tokenizer


def test_the_targets_are_the_minds_beliefs_about_each_sources_request() -> None:
    tags, (model, tokenizer) = WORLD.sources.tags.labels, new_models()
    teacher = teacher_of(WORLD, MIND.agent, tokenizer, CONFIG, "single", [], source_benches.heard)
    some = next(i for i, case in enumerate(CASES) if case.kind == "told" and case.downstream != NONE)
    chosen = CASES[some : some + len(tags) + 1]
    for case, trial in zip(chosen, trials_of(WORLD, chosen, source_benches.CONFIG.weight, 0), strict=True):
        (batch,) = teacher.batches(model, trial.edition, 0)
        every = [target for kind in batch.soft_targets for target in kind]
        targets = {target.prompt: target for target in every}
        assert len(targets) == len(every)  # no prompt has two targets
        subject, relation = int(WORLD.subject[case.fact]), int(WORLD.relation[case.fact])

        prompt = fact_prompt(WORLD, subject, relation)
        if case.believed > 0.1:  # a less probable object may not be spelled out
            assert credence(targets, prompt, case.object) == pytest.approx(case.believed, abs=1e-9)
        (request,) = trial.edition.requests
        if case.source < len(tags):
            assert credence(targets, request.prompt, case.object) == 1
        atom = Atom(WORLD.subjects[subject], WORLD.relations[relation], WORLD.objects[case.object])
        assert targets[truth_prompt(atom)].credences[0] == pytest.approx(case.believed, abs=1e-9)
        if case.downstream_believed > 0.1:
            below = fact_prompt(WORLD, subject, case.downstream)
            assert credence(targets, below, case.downstream_object) == pytest.approx(case.downstream_believed, abs=1e-9)
    assert max(case.believed for case in chosen) > 0.5 > 0.1 > min(case.believed for case in chosen)
