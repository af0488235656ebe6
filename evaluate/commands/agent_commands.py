"""The command that asks the rational agent of a run: ask."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from worldgen.errors import UserError
from worldgen.evaluate.commands.options import JSON_OPTION, RUN_ARGUMENT, existing_config
from worldgen.evaluate.commands.output import print_result

if TYPE_CHECKING:
    from worldgen.evaluate.inquiry.minds import EditWeight, Minds
    from worldgen.evaluate.runs.config import RunConfig


class AskOptions(TypedDict):
    """The arguments and options of the command, as click passes them."""

    subject: str | None
    relation: str | None
    statements: tuple[str, ...]
    edits: tuple[str, ...]
    weight: str
    credence: float | None
    source: str | None
    given: str | None
    object_: str | None
    explain: bool
    top: int


@click.command("ask")
@RUN_ARGUMENT
@click.argument("subject", required=False)
@click.argument("relation", required=False)
@click.option(
    "--statement",
    "statements",
    multiple=True,
    metavar='"S | R | O and S | R | O"',
    help="Ask for the credence in a statement: a fact, or facts with not, and, or (repeatable).",
)
@click.option(
    "--edit", "edits", multiple=True, metavar='"S | R | O"', help="Revise the agent by this fact first (repeatable)."
)
@click.option(
    "--weight",
    default="auto",
    show_default=True,
    help="How many observations an edit is worth; auto: the fewest that make it credible (n').",
)
@click.option(
    "--credence", type=float, help="The credence at which auto calls an edit credible.  [default: the run's, 0.95]"
)
@click.option("--source", metavar="TAG", help="The source that makes the edit, in a world with sources.")
@click.option("--given", metavar='"R | O"', help="Suppose this object of a relation that RELATION depends on.")
@click.option("--object", "object_", metavar="O", help="Show this object too; --explain then explains it.")
@click.option(
    "--explain",
    is_flag=True,
    help="Say why: terms of the formula, rows that the edits moved, sentences of the corpus.",
)
@click.option("--top", default=5, show_default=True, type=click.IntRange(min=1), help="How many objects to show.")
@JSON_OPTION
def ask_command(run: Path, as_json: bool, **options: Unpack[AskOptions]) -> None:
    """Ask the agent for its most probable objects, before and after edits.

    SUBJECT "." is a subject that the corpus never named, or it may be a variable, in a world with definitions. An edit
    may bring its own weight: "S | R | O | 1000".

    Example: worldgen ask runs/demo "Ada Lovelace" "occupation" --edit "Ada Lovelace | educated at | Yale"
    """
    from worldgen.evaluate.commands.agent_reader import read_minds
    from worldgen.evaluate.inquiry.ask import judge
    from worldgen.evaluate.inquiry.ask_text import judgements_text
    from worldgen.evaluate.inquiry.minds import EditWeight

    config = existing_config(run)
    _check_question(options)
    weight = EditWeight.of(options["weight"], options["credence"], config.cases.target_credence)
    if options["source"] is not None:
        print_result(*_sourced_belief(run, config, weight, options), as_json)
        return
    minds = read_minds(run, config, options["edits"], weight)
    if options["statements"]:
        judgements = judge(minds, options["statements"])
        print_result(asdict(judgements), judgements_text(judgements), as_json)
    elif options["subject"] in minds.world.definitions.variables.labels:
        print_result(*_variable_belief(config, minds, options), as_json)
    else:
        print_result(*_belief(run, config, minds, options), as_json)


def _check_question(options: AskOptions) -> None:
    """Raises UserError unless the user asks either for a fact, or for statements without the options of a fact."""
    of_a_fact = (options["given"], options["object_"], options["explain"])
    if options["statements"] and (options["subject"] is not None or any(of_a_fact)):
        raise UserError("--statement stands alone: leave out SUBJECT, RELATION, --given, --object and --explain")
    if not options["statements"] and options["relation"] is None:
        raise UserError("say what to ask for: SUBJECT and RELATION, or --statement 'subject | relation | object'")
    weighs, credence, source = options["weight"] != "auto", options["credence"], options["source"]
    if not options["edits"] and (weighs or credence is not None or source is not None):
        name = "--weight" if weighs else "--source" if credence is None else "--credence"
        raise UserError(f"{name} says how an edit counts: give the edit, too, or leave it out")


def _sourced_belief(
    run: Path, config: RunConfig, weight: EditWeight, options: AskOptions
) -> tuple[dict[str, object], str]:
    """Returns the belief after an edit of a source, as a value for JSON and as text."""
    from worldgen.evaluate.inquiry.ask import BeliefQuestion
    from worldgen.evaluate.inquiry.ask_source import ask_source, sourced_belief_text
    from worldgen.evaluate.stages.sources.heard import mind_of

    subject, relation, source = options["subject"], options["relation"], options["source"]
    assert source is not None
    others = (options["statements"], options["given"], options["object_"], options["explain"])
    if len(options["edits"]) != 1 or any(others) or subject is None or relation is None:
        raise UserError("--source asks for SUBJECT and RELATION after one --edit: leave out all but --weight and --top")
    world, mind = mind_of(run, config)
    said = source, options["edits"][0]
    belief = ask_source(
        world, mind, BeliefQuestion(subject, relation), said, weight, config.trust.weight, options["top"]
    )
    return asdict(belief), sourced_belief_text(belief)


def _variable_belief(config: RunConfig, minds: Minds, options: AskOptions) -> tuple[dict[str, object], str]:
    """Returns the answer to a question about a variable, as a value for JSON and as text."""
    from worldgen.evaluate.inquiry.ask_variable import ask_variable, variable_belief_text
    from worldgen.evaluate.sources.variables import variable_mind

    variable, relation = options["subject"], options["relation"]
    assert variable is not None
    assert relation is not None
    if options["edits"] or options["given"] or options["object_"] or options["explain"]:
        raise UserError(f"{variable} is a variable: ask for VARIABLE and RELATION alone, with --top if you like")
    trust = variable_mind(minds.world, config.trust.prior).trust
    belief = ask_variable(minds.world, trust, minds.before, variable, relation, options["top"])
    return asdict(belief), variable_belief_text(belief)


def _belief(run: Path, config: RunConfig, minds: Minds, options: AskOptions) -> tuple[dict[str, object], str]:
    """Returns the agent's belief, explained if the user asks for that, as a value for JSON and as text."""
    from worldgen.evaluate.commands.agent_reader import read_corpus_extract
    from worldgen.evaluate.inquiry.ask import BeliefQuestion, ask
    from worldgen.evaluate.inquiry.ask_text import belief_text
    from worldgen.evaluate.inquiry.explain import explain, lineage_of
    from worldgen.evaluate.inquiry.explain_text import explanation_text

    subject, relation = options["subject"], options["relation"]
    assert subject is not None  # `_check_question` has seen both
    assert relation is not None
    question = BeliefQuestion(subject, relation, options["given"], options["object_"])
    belief = ask(minds, question, options["top"])
    if not options["explain"]:
        return asdict(belief), belief_text(belief)
    corpus = read_corpus_extract(run, config, lineage_of(minds, question))
    why = explain(minds, question, options["top"], corpus)
    return asdict(belief) | {"explanation": asdict(why)}, f"{belief_text(belief)}\n\n{explanation_text(why)}"
