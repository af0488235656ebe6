"""The last stage: the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from worldgen.evaluate.runs.load import measured_methods
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage, make_stage
from worldgen.evaluate.stages.testbed import SCORES
from worldgen.storage.manifests import MANIFEST, Inputs, read_manifest


def _write_page(run: Run, folder: Path) -> Mapping[str, Any]:
    """Writes the page about all that has been measured and scored."""
    from worldgen.evaluate.stages.report_material import write_report

    methods = measured_methods(run.folder)
    write_report(run, methods, folder)
    return {"methods": len(methods)}


def _what_is_shown(run: Run) -> Inputs:
    """The hash of what each finished stage was made of."""
    folders = [path.parent for path in sorted(run.folder.rglob(MANIFEST)) if path.parent.name != REPORT.name]
    manifests = {str(folder.relative_to(run.folder)): read_manifest(folder) for folder in folders}
    return {name: manifest.inputs_hash for name, manifest in manifests.items() if manifest}


REPORT = Stage(
    "report", _write_page, ("index.html", "figures/*.svg"), settings=("score",), reads=(SCORES,),
    also=_what_is_shown, cheap=True,
)  # fmt: skip


def make_page(run: Run, *scores: Stage) -> None:
    """Makes the page. Of the stages `scores`, it reads those that are there.

    Raises UserError where one of them was made with other settings, and where none is there.
    """
    there = tuple(stage for stage in scores if read_manifest(run.folder / stage.name))
    make_stage(run, replace(REPORT, reads=there or scores))
