"""Whether the gradient of a source's request points where the untagged fact's does, source by source. Prints a table.

    worldgen run runs/sources --preset sources-tiny
    python benchmarks/source_alignment.py runs/sources [--pairs FILE.csv]

Of each request of the run's cases, "TAG s r o*." is the definition and "s r o*." its one question. Nobody's requests
are left out. Intervals are t intervals over facts.
"""

from __future__ import annotations

from pathlib import Path

import click
import pandas as pd

from worldgen.evaluate.asking.questions import fact_prompt
from worldgen.evaluate.runs.load import load_world
from worldgen.evaluate.sources.cases import load_cases
from worldgen.evaluate.sources.rational import nobody
from worldgen.evaluate.sources.trials import tagged_prompt
from worldgen.evaluate.statistics.interval import spread
from worldgen.evaluate.statistics.seeds import t_interval
from worldgen.lm.inspection.alignment import align
from worldgen.lm.model import load_model
from worldgen.lm.texts import texts_of
from worldgen.lm.tokenizer import load_tokenizer

MEASURES = ("cosine", "inner_product", "distance_l2_squared", "definition_l2")


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--pairs", type=click.Path(path_type=Path, dir_okay=False), help="Also write a row for each request.")
def main(run: Path, pairs: Path | None) -> None:
    """Print a row for each kind of fact and each source."""
    table = aligned_requests(run)
    if pairs:
        table.to_csv(pairs, index=False, float_format="%.6g")
    click.echo("| facts | reliability | " + " | ".join(MEASURES) + " |\n" + "|---" * (2 + len(MEASURES)) + "|")
    for (kind, _), its in table.groupby(["kind", "source"], sort=False):
        means = [t_interval(its[measure].to_numpy(), 0.95) for measure in MEASURES]
        shown = [f"{mean.mean:.2f} {spread(mean)}" for mean in means]
        click.echo(f"| {kind} | {its.reliability.iloc[0]:g} | " + " | ".join(shown) + " |")


def aligned_requests(run: Path) -> pd.DataFrame:
    """The measures of each request that a source makes."""
    world, tokenizer = load_world(run), load_tokenizer(run / "tokens" / "tokenizer")
    cases = [case for case in load_cases(run / "sources" / "cases" / "cases.parquet") if case.source != nobody(world)]
    prompts = [fact_prompt(world, int(world.subject[case.fact]), int(world.relation[case.fact])) for case in cases]
    targets = [f"{world.objects[case.object]}." for case in cases]
    tagged = [tagged_prompt(world, case.source, prompt) for case, prompt in zip(cases, prompts, strict=True)]
    definitions, questions = (texts_of(tokenizer, list(zip(its, targets, strict=True))) for its in (tagged, prompts))
    model = load_model(run / "lm" / "final", "cpu")
    found = align(model, [text.ids for text in definitions], [[text.ids] for text in questions])
    of_cases = pd.DataFrame([(case.kind, case.fact, case.source) for case in cases], columns=["kind", "fact", "source"])
    of_cases["reliability"] = world.sources.reliability[of_cases.source]
    return pd.concat([of_cases, pd.DataFrame(found.pairs)[[*MEASURES, "question_l2"]]], axis=1)


if __name__ == "__main__":
    main()
