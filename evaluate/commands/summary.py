"""The summary that a command prints when it is done: a value for `--json`, and the same in words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from worldgen.evaluate.runs.config import RunConfig
from worldgen.evaluate.testbed.scores import read_scores
from worldgen.storage.manifests import MANIFEST, read_manifest

if TYPE_CHECKING:
    from worldgen.evaluate.slag.scoring import BeliefScores

Summary = tuple[dict[str, Any], str]


def stages(run_folder: Path) -> Summary:
    """Returns the counts of every finished stage, in the order in which they were finished."""
    manifests = sorted(run_folder.rglob(MANIFEST), key=lambda path: path.stat().st_mtime)
    done = {str(path.parent.relative_to(run_folder)): read_manifest(path.parent) for path in manifests}
    rows = {name: manifest.rows for name, manifest in done.items() if manifest}
    lines = [f"{name:12} " + ", ".join(f"{key} {value}" for key, value in row.items()) for name, row in rows.items()]
    return rows, "\n".join(lines)


def scores(run_folder: Path, with_page: bool) -> Summary:
    """Returns the table of every method, and the path of the page."""
    from worldgen.evaluate.report.tables import as_text

    found = list(read_scores(run_folder / "scores"))
    parts = [as_text(each) for each in found]
    if with_page:
        parts.append(_page(run_folder))
    return {each.method: each.as_json() for each in found}, "\n\n".join(parts)


def _page(run_folder: Path) -> str:
    return f"Report: {run_folder / 'report' / 'index.html'}"


def trace(run_folder: Path, config: RunConfig) -> Summary:
    """Returns the effect of every traced site, and the place that `rome` and `memit` rewrite."""
    from worldgen.evaluate.methods.tracing import averages, in_words, load_effects, strongest_mlp

    effects = load_effects(run_folder / "trace")
    found, strongest = averages(effects, config.score, config.seed), strongest_mlp(effects)
    rows = [site._asdict() | interval._asdict() for site, interval in found]
    return {"token": strongest.token, "layer": strongest.layer, "effects": rows}, in_words(effects, found, strongest)


def beliefs(run_folder: Path, config: RunConfig, with_page: bool = False) -> Summary:
    """Returns the tables of beliefs, before any update and after every method's updates, and the path of the page."""
    from worldgen.evaluate.slag.scoring import read_belief_scores

    folder = run_folder / "slag" / "scores"
    detected, updated = (read_belief_scores(folder / f"{name}.json") for name in ("detection", "updates"))
    rest = f"All other metrics: {folder}/*.csv; of a run's own points and model also the page (worldgen report)."
    texts = [*belief_tables(detected, updated, config.score.confidence), rest]
    if with_page:
        texts.append(_page(run_folder))
    found = {"detection": detected, "updates": updated}
    return {name: [row.as_json() for row in rows] for name, rows in found.items()}, "\n\n".join(texts)


def belief_tables(detected: list[BeliefScores], updated: list[BeliefScores], confidence: float) -> list[str]:
    """Returns the tables of beliefs for a terminal, without those that have no row."""
    from worldgen.evaluate.report.belief_tables import beliefs_as_text, in_order
    from worldgen.evaluate.slag.detection import BELIEF_METRICS
    from worldgen.evaluate.slag.update_metrics import UPDATE_METRICS

    texts = [
        beliefs_as_text("Beliefs before any update, test points", detected, BELIEF_METRICS, confidence),
        beliefs_as_text("After updates of wrong beliefs", in_order(updated), UPDATE_METRICS, confidence),
    ]
    return [text for text in texts if text]


def trust(run_folder: Path, config: RunConfig, with_page: bool = False) -> Summary:
    """Returns the tables of trust: in the reports that the model has read, and by method; and the path of the page."""
    from worldgen.evaluate.report.trust_tables import trust_as_text
    from worldgen.evaluate.sources.scoring import TRUST_FILE, read_trust_scores
    from worldgen.evaluate.stages.sources.scores import SCORES

    rows = read_trust_scores(run_folder / SCORES.name / TRUST_FILE)
    texts = [trust_as_text(rows, config.score.confidence), *([_page(run_folder)] if with_page else [])]
    return {"trust": [row.as_json() for row in rows]}, "\n\n".join(texts)
