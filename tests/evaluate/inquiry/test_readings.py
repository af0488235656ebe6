"""`ask` and `--explain` say which formula a number is from, and the numbers of the formula add up, in every reading."""

import numpy as np
import pytest
import worlds

from worldgen.bayes.agent import Edit
from worldgen.bayes.reading import Reading
from worldgen.evaluate.inquiry.ask import BeliefQuestion, ask, judge
from worldgen.evaluate.inquiry.ask_text import belief_text, judgements_text
from worldgen.evaluate.inquiry.explain import CorpusExtract, explain
from worldgen.evaluate.inquiry.explain_text import explanation_text
from worldgen.evaluate.inquiry.minds import EditWeight, Minds, revised

AFTER = {"marginal": "marginal", "edits": "edits", "own": "own"}
BEFORE = {"marginal": "marginal", "edits": "marginal", "own": "own"}


def told_downstream(reading: Reading, *more: Edit) -> tuple[Minds, BeliefQuestion, int]:
    """The agent before and after an edit of a downstream fact, the question about it, and the object told."""
    world, agent = worlds.world(), worlds.agent(reading)
    fact = int(np.flatnonzero(world.upstream >= 0)[0])
    s, r = int(world.subject[fact]), int(world.relation[fact])
    object_ = int(next(o for o in world.ranges[r] if o != world.truth[fact]))
    edits = (Edit(s, r, object_, 500.0), *more)
    minds = Minds(world, agent, agent.revise(*edits), edits)
    question = BeliefQuestion(world.subjects[s], world.relations[r], object=world.objects[object_])
    return minds, question, object_


@pytest.mark.parametrize("reading", worlds.READINGS, ids=lambda reading: reading.text)
def test_ask_names_the_formula(reading: Reading) -> None:
    minds, question, _ = told_downstream(reading)
    belief = ask(minds, question, 3)
    assert (belief.formula_before, belief.formula_after) == (BEFORE[reading.name], AFTER[reading.name])
    line = "formula: marginal; after the edit: edits" if reading.name == "edits" else f"formula: {reading.name}"
    assert line in belief_text(belief).splitlines()
    fact = f"{question.subject} | {question.relation} | {question.object}"
    root = f"{question.subject} | {belief.depends_on} | {question.object}"
    alone, both = judge(minds, [f"not {fact}", f"{root} and {fact}"]).statements
    assert (alone.formulas_before, alone.formulas_after) == ([BEFORE[reading.name]], [AFTER[reading.name]])
    assert both.formulas_after == ["root", AFTER[reading.name]]
    assert "formula" in judgements_text(judge(minds, [fact]))


def test_a_question_without_an_edit_has_one_formula() -> None:
    minds = revised(worlds.world(), worlds.agent(), (), EditWeight("auto", 0.95))
    world, relation = worlds.world(), worlds.world().relations[0]
    assert ask(minds, BeliefQuestion(".", relation), 1).formula_before == "unseen subject"
    answer = ask(minds, BeliefQuestion(world.subjects[0], relation), 1)
    assert answer.formula_after is None
    up, down = world.pairs()[0]
    given = f"{world.relations[up]} | {world.objects[0]}"
    assert ask(minds, BeliefQuestion(".", world.relations[down], given), 1).formula_before == "conditional"
    (judgement,) = judge(minds, [f"{world.subjects[0]} | {relation} | {world.objects[0]}"]).statements
    assert judgement.formulas_after is None


@pytest.mark.parametrize("reading", worlds.READINGS, ids=lambda reading: reading.text)
def test_an_explanation_adds_up_to_the_answer(reading: Reading) -> None:
    minds, question, object_ = told_downstream(reading)
    why = explain(minds, question, 3, CorpusExtract(worlds.corpus().sentences, 5))
    s, r = minds.edits[0][:2]
    for agent, account in ((minds.before, why.before), (minds.after, why.after)):
        m = sum(term.share for term in account.terms) + account.rest_share
        assert account.marginal == pytest.approx(m, abs=1e-12)
        credence = (account.kappa * m + account.count) / (account.kappa + account.total)
        assert credence == pytest.approx(agent.belief(s, r)[object_], abs=1e-12)
        assert account.credence == pytest.approx(credence, abs=1e-12)
    # An edit moves the rows of its own fact's marginal in the paper's reading alone.
    assert bool(why.moved) == (reading.name == "marginal")
    text = explanation_text(why)
    assert ("(kappa m + e) / (kappa + E)" in text) == (reading.name == "edits")
    assert ("(kappa m + n) / (kappa + N)" in text) == (reading.name == "own")
    assert ("and as observations of this fact" in text) == (reading.name == "own")
