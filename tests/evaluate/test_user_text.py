"""Facts, edits and statements that users type; some names hold the words "and" and "or"."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from worldgen.bayes.agent import Edit
from worldgen.bayes.evidence import evidence_from_lines
from worldgen.bayes.fitting import fit
from worldgen.bayes.statements import Statement
from worldgen.errors import UnknownNameError, UserError
from worldgen.evaluate.inquiry.user_text import fact_text, read_edits, read_fact, read_statement
from worldgen.facts import Fact, Vocabulary
from worldgen.worlds.world import World

WORLD = cast(
    World,
    SimpleNamespace(
        subjects=Vocabulary("subject", ("Ada", "and Ada", "rain or Bo")),
        relations=Vocabulary("relation", ("likes", "is made of")),
        objects=Vocabulary("object", ("salt", "salt and rain", "salt and")),
    ),
)
AGENT = fit(evidence_from_lines(*np.zeros((6, 0), dtype=int)), 3, 2, [], 1 / 3)


def test_a_fact_as_text_reads_back() -> None:
    for fact in (Fact(0, 0, 0), Fact(1, 1, 1), Fact(2, 0, 2)):
        assert read_fact(WORLD, fact_text(WORLD, fact)) == fact
    for text in ("", "Ada", "Ada | likes", "Ada | likes | salt | 3"):
        with pytest.raises(UserError, match=r"subject \| relation \| object"):
            read_fact(WORLD, text)


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        ("Ada | likes | salt and rain", Statement("", Fact(0, 0, 1))),
        (" not Ada|likes|salt", Statement("not", Fact(0, 0, 0))),
        ("Ada | likes | salt and rain or Ada | likes | salt", Statement("or", Fact(0, 0, 1), Fact(0, 0, 0))),
        ("Ada | likes | salt or rain or Bo | likes | salt", Statement("or", Fact(0, 0, 0), Fact(2, 0, 0))),
        ("Ada | likes | salt and and Ada | likes | salt", Statement("and", Fact(0, 0, 0), Fact(1, 0, 0))),
    ],
)
def test_a_statement_is_read(text: str, statement: Statement) -> None:
    assert read_statement(WORLD, text) == statement


@pytest.mark.parametrize("text", ["", "not x", "Ada | likes | salt xor Ada | likes | salt", "a and b"])
def test_a_text_that_is_no_statement_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="write it as"):
        read_statement(WORLD, text)


def test_the_error_names_the_unknown_name_of_a_statement() -> None:
    with pytest.raises(UnknownNameError, match="'Ada'"):
        read_statement(WORLD, "Ada | likes | salt and Adda | likes | salt")


def test_each_edit_is_weighed_after_the_edits_before_it() -> None:
    """The weight "auto" of the second edit counts the first edit."""
    fact = "Ada | likes | salt"
    once = read_edits(WORLD, AGENT, [fact], "auto", 0.9)
    assert once == (Edit(0, 0, 0, AGENT.weight_for(0, 0, 0, 0.9)),)
    again = read_edits(WORLD, AGENT, [f"{fact} | 3", fact, f"{fact} | 0.5"], "auto", 0.9)
    assert again == (Edit(0, 0, 0, 3), Edit(0, 0, 0, once[0].weight - 3), Edit(0, 0, 0, 0.5))
    for text in ("Ada | likes", f"{fact} | 3 | 4"):
        with pytest.raises(UserError, match="--edit"):
            read_edits(WORLD, AGENT, [text], "auto", 0.9)
    with pytest.raises(UserError, match="number"):
        read_edits(WORLD, AGENT, [f"{fact} | much"], "auto", 0.9)
