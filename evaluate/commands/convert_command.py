"""The command that makes a points file of a public data set: convert-points."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click

from worldgen.errors import UserError
from worldgen.evaluate.commands.options import JSON_OPTION, with_options
from worldgen.evaluate.commands.output import print_result

_DRAW_OPTIONS = [
    click.option("--template", help="The prompt, with {} for the data's text.  [default: as the format has it]"),
    click.option(
        "--shares",
        metavar="TRAIN/DEV/TEST",
        default="0/0/100",
        show_default=True,
        help="The shares of the subjects in each split, such as 80/10/10.",
    ),
    click.option("--count", type=click.IntRange(min=1), help="Draw so many points.  [default: all]"),
    click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Seed of the draws."),
]


@click.command("convert-points")
@click.argument(
    "format_",
    metavar="FORMAT",
    type=click.Choice(["zsre", "fever", "leap-of-thought", "wikidata5m"]),
)
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path, dir_okay=False))
@with_options(_DRAW_OPTIONS)
@JSON_OPTION
def convert_points_command(format_: str, source: Path, out: Path, shares: str, as_json: bool, **choices: Any) -> None:
    """Make a points file OUT of the public data in IN.

    FORMAT is zsre or fever (lines of KILT), leap-of-thought, or wikidata5m (a folder with its files).
    docs/points-files.md says what a points file is, and what each format gives.

    Example: worldgen convert-points fever fever-dev-kilt.jsonl fever.jsonl
    """
    from worldgen.evaluate.slag.converters.conversion import in_splits
    from worldgen.evaluate.slag.converters.formats import FORMATS
    from worldgen.evaluate.slag.points_file import write_points

    form = FORMATS[format_]
    converted = form.convert(source, form.options(**choices))
    points = in_splits(converted.points, shares, choices["seed"])
    if not points:
        raise UserError(": ".join([f"{source} gives no points", *map(str, converted.left_out[:1])]))
    write_points(out, points)
    splits = Counter(point.split for point in points)
    left_out = {each.reason: each.count for each in converted.left_out}
    lines = [", ".join(f"{number:,} {split}" for split, number in splits.items()), *map(str, converted.left_out)]
    result = {"file": str(out), "points": len(points), "splits": splits, "left_out": left_out}
    print_result(result, "\n".join([*lines, str(out)]), as_json)
