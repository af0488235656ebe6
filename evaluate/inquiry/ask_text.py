"""The agent's answers for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from worldgen.evaluate.inquiry.ask import Belief, Judgements
from worldgen.evaluate.inquiry.minds import WeighedEdit
from worldgen.evaluate.inquiry.text_columns import aligned


def belief_text(belief: Belief) -> str:
    """Returns a belief as text: the question, the edits, and a table of objects with the entropies below."""
    lines = [f"{belief.subject} | {belief.relation}" + (f", given {belief.given}" if belief.given else "")]
    if belief.depends_on:
        lines.append(f"depends on {belief.depends_on}")
    lines.append(f"formula: {_before_and_after(belief.formula_before, belief.formula_after)}")
    rows = [["", "corpus", *_phases(belief.edits)]]
    for c in belief.objects:
        corpus = "-" if c.corpus is None else f"{c.corpus:.2f}"
        rows.append([c.object, corpus, *_numbers(c.before, c.after)])
    entropies = (belief.entropy_before, belief.entropy_after)
    rows.append(["entropy, bits", "", *(f"{value:.2f}" for value in entropies if value is not None)])
    return "\n".join([*lines, *_edit_lines(belief.edits), *_table(rows)])


def judgements_text(judgements: Judgements) -> str:
    """Returns credences in statements as text: the edits, and a table of statements."""
    rows = [["", *_phases(judgements.edits), "formula"]]
    for j in judgements.statements:
        after = None if j.formulas_after is None else ", ".join(j.formulas_after)
        rows.append([j.statement, *_numbers(j.before, j.after), _before_and_after(", ".join(j.formulas_before), after)])
    return "\n".join([*_edit_lines(judgements.edits), *_table(rows)])


def _before_and_after(before: str, after: str | None) -> str:
    return before if after in (None, before) else f"{before}; after the edit: {after}"


def _phases(edits: Sequence[WeighedEdit]) -> list[str]:
    return ["before", "after"] if edits else ["before"]


def _table(rows: list[list[str]]) -> list[str]:
    return aligned(rows, "<" + ">" * (len(rows[0]) - 1))


def _edit_lines(edits: Sequence[WeighedEdit]) -> list[str]:
    return [f"edit: {edit.edit}, weight {edit.weight:g}" for edit in edits]


def _numbers(*values: float | None) -> list[str]:
    return [f"{value:.6f}" for value in values if value is not None]
