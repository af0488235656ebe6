"""The report: one page that needs nothing else (no network, no scripts), and its figures as files.

Labels are users' text; the templates escape them.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from worldgen.evaluate.report.belief_section import belief_section
from worldgen.evaluate.report.edited_method import edited_method
from worldgen.evaluate.report.editing_table import COLUMNS_HEAD, SITE_WORDS, STATEMENT_COLUMNS_HEAD
from worldgen.evaluate.report.figures.svg import FigureFolder
from worldgen.evaluate.report.graphs.section import graph_section
from worldgen.evaluate.report.learned.optimizer_section import optimizer_section
from worldgen.evaluate.report.material import ReportMaterial
from worldgen.evaluate.report.methods_compared import compare_methods, trajectories
from worldgen.evaluate.report.model_curves import layer_effects, training_curves
from worldgen.evaluate.report.quantities import amount, counts, memory
from worldgen.evaluate.report.tables import MODES
from worldgen.evaluate.report.trust_tables import trust_section
from worldgen.evaluate.report.world_tables import world_tables
from worldgen.evaluate.testbed.sites import SITE_LABELS
from worldgen.storage.files import write_text

PAGE = "page.html.jinja"


def write_page(material: ReportMaterial, folder: Path) -> None:
    """Writes folder/index.html and folder/figures/*.svg."""
    figures, settings = FigureFolder(folder / "figures"), material.settings
    scores = [method.scores for method in material.methods]
    page = _environment().get_template(PAGE).render(
        settings=settings,
        world=material.world,
        rows={name: manifest.rows for name, manifest in material.manifests.items()},
        manifests=material.manifests,
        versions=list(material.manifests.values())[-1].versions,
        head=COLUMNS_HEAD,
        statements_head=STATEMENT_COLUMNS_HEAD,
        sites=SITE_WORDS,
        site_labels=SITE_LABELS,
        modes=MODES,
        tables=world_tables(material.world, material.sentences, figures),
        training=training_curves(material.history, figures),
        tracing=layer_effects(material.effects, figures),
        methods=[edited_method(material.world, material.cases, method, figures) for method in material.methods],
        comparison=compare_methods(scores, settings.score.flops, figures),
        trajectories=trajectories(scores, figures),
        beliefs=belief_section(material.beliefs, figures),
        graphs=graph_section(material.graphs, figures),
        optimizers=optimizer_section(material.optimizers, figures),
        trust=trust_section(material.trust, figures),
    )  # fmt: skip
    write_text(folder / "index.html", page)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {"amount": amount, "bytes": memory, "counts": counts}
    return environment
