"""A description of a world for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from typing import Final

from worldgen.corpus.definition_sentences import SubsetSummary
from worldgen.evaluate.inquiry.describe import TOLERANCE, Description, Size
from worldgen.evaluate.inquiry.text_columns import aligned
from worldgen.evaluate.inquiry.world_statistics import Popularity
from worldgen.graphs.selection import SelectionReport
from worldgen.worlds.aliases import AliasReport
from worldgen.worlds.tagged_sources import SourceSummary

# The counts of a selection report in words. A count of 0 is not shown.
_LEFT_OUT: Final = {
    "malformed_rows": "malformed lines",
    "excluded": "facts of an excluded relation or entity",
    "further_objects": "further objects of a subject and relation (the first is kept)",
    "other_relations": "facts of other relations, or of subjects with one of the relations only",
    "unlabelled_facts": "facts with something that has no label",
    "unspeakable_facts": "facts with a label that the language cannot keep",
    "namesake_facts": "facts of a later subject of the same name",
    "lone_facts": "facts of subjects that then had one relation only",
    "object_labels_cut": "object labels cut short (their facts are kept)",
    "object_labels_merged": "objects made one with another of the same label (their facts are kept)",
}
# The counts of an alias report in words.
_NOT_SPOKEN: Final = {
    "further_aliases": "more than the settings ask for",
    "ambiguous_aliases": "name something else too",
    "unspeakable_aliases": "that the language cannot keep",
    "merged_aliases": "alike the label or an earlier alias",
    "cut_aliases": "aliases of objects cut short",
}


def description_text(world: Description) -> str:
    """Returns the description as paragraphs: sizes, relations, pairs, popularity, examples, and what was left out.

    Names, sources and definitions follow where the world has aliases, sources or definitions.
    """
    parts = [
        _sizes(world), _relations(world), _pairs(world), _per_subject(world.relations_per_subject),
        _popularity(world), _examples(world), _left_out(world.selection),
    ]  # fmt: skip
    if world.aliases is not None:
        parts.append(_aliases(world.aliases))
    if world.sources:
        parts.append(_sources(world.sources))
    if world.definitions:
        parts.append(_definitions(world.definitions))
    return "\n\n".join("\n".join(part) for part in parts)


def _sizes(world: Description) -> Iterator[str]:
    rows = [["", "this run", "paper", "ratio", f"within {TOLERANCE:.0%}" if world.paper_sized else ""]]
    for size in world.sizes:
        ratio = "" if size.ratio is None else f"{size.ratio:.3f}"
        rows.append([size.name, _number(size.here), _number(size.paper), ratio, _verdict(size)])
    yield "sizes, beside Tables 3 and 6 of the paper:"
    yield from aligned(rows, "<>>><")
    if not world.paper_sized:
        yield "  (not of the paper's sizes: build with --preset paper to compare)"


def _number(value: float | None) -> str:
    return "not yet" if value is None else f"{value:.3f}" if value < 1 else f"{value:,.0f}"


def _verdict(size: Size) -> str:
    return "" if size.within is None else "yes" if size.within else "NO"


def _relations(world: Description) -> Iterator[str]:
    rows = [["relation", "facts", "objects", "depends on"]]
    rows += [[r.label, f"{r.facts:,}", f"{r.objects:,}", r.upstream] for r in world.relations]
    yield "relations:"
    yield from aligned(rows, "<>><")


def _pairs(world: Description) -> Iterator[str]:
    rows = [["pair", "both", "H(down)", "H(down|up)", "facts", "conditions", "H(o|s,r)", "certain", "p(truth)"]]
    for p in world.pairs:
        graph = (f"{p.cooccurrence:,}", f"{p.downstream_entropy:.2f}", f"{p.conditional_entropy:.2f}")
        here = (f"{p.facts:,}", f"{p.conditions:,}", f"{p.world_entropy:.2f}")
        rows.append(
            [f"{p.upstream} -> {p.downstream}", *graph, *here, f"{p.certain:.2f}", f"{p.truth_probability:.2f}"]
        )
    yield "dependent pairs (entropies in bits; first three columns: the whole graph, the others: this world's facts):"
    yield from aligned(rows, "<>>>>>>>>")


def _per_subject(histogram: Mapping[int, int]) -> Iterator[str]:
    total = sum(histogram.values())
    yield "relations per subject:"
    rows = [
        [str(n), f"{count:,}", f"{count / total:.1%}", "#" * round(40 * count / total)]
        for n, count in histogram.items()
    ]
    yield from aligned(rows, ">>><")


def _popularity(world: Description) -> Iterator[str]:
    rows = [["facts per object", "objects", "top 1% of objects have", "named once", "Gini"]]
    for name, p in (("in the graph", world.popularity_in_graph), ("as truths", world.popularity_of_truths)):
        rows.append(
            [name, f"{p.objects:,}", f"{p.top_percent_share:.1%} of facts", f"{p.named_once:.1%}", f"{p.gini:.2f}"]
        )
    yield "popularity of objects:"
    yield from aligned(rows, "<>>>>")
    yield f"  most popular: {_most_popular(world.popularity_in_graph)}"


def _most_popular(popularity: Popularity) -> str:
    return ", ".join(f"{label} ({count:,})" for label, count in popularity.most_popular.items())


def _examples(world: Description) -> Iterator[str]:
    yield "sentences:"
    yield from aligned([[kind, text] for kind, text in world.sentences], "<<")
    yield f"\na document:\n  {world.document}"


def _left_out(selection: SelectionReport) -> Iterator[str]:
    yield (
        f"the graph: {selection.rows_read:,} triples read, {selection.facts:,} facts of "
        f"{selection.subjects:,} subjects selected; left out or changed:"
    )
    yield from _counted(asdict(selection) | asdict(selection.labels), _LEFT_OUT)
    yield from _reasons(selection.labels.unspeakable_labels)


def _aliases(report: AliasReport) -> Iterator[str]:
    yield (
        f"names: {report.spoken_aliases:,} aliases are spoken beside the labels, "
        f"{report.held_out_combinations:,} combinations are held out; not spoken or changed:"
    )
    yield from _counted(asdict(report), _NOT_SPOKEN)
    yield from _reasons(report.reasons)


def _sources(sources: list[SourceSummary]) -> Iterator[str]:
    rows = [["tag", "kind", "reliability", "calibration", "report", "right"]]
    for s in sources:
        reports = (f"{s.calibration_reports:,}", f"{s.report_reports:,}")
        rows.append([s.tag, s.kind, f"{s.reliability:.2f}", *reports, f"{s.share_right:.3f}"])
    yield "sources, with their reports on calibration facts and on report facts, and the share that is right:"
    yield from aligned(rows, "<<>>>>")


def _definitions(subsets: list[SubsetSummary]) -> Iterator[str]:
    rows = [["subset", "stage", "tag", "entities", "definitions", "questions trained on", "others"]]
    for s in subsets:
        rows.append([s.name, str(s.stage), s.tag, f"{s.entities:,}", s.definitions, f"{s.trained:,}", f"{s.others:,}"])
    yield "variables by subset, with their definitions, and their questions that are trained on and that are not:"
    yield from aligned(rows, "<><><>>")


def _counted(counts: Mapping[str, int], words_of: Mapping[str, str]) -> list[str]:
    """Returns a line for each count that is not 0, in words."""
    rows = [[f"{counts[name]:,}", words] for name, words in words_of.items() if counts[name]]
    return aligned(rows or [["", "nothing"]], "><")


def _reasons(reasons: Mapping[str, str]) -> Iterator[str]:
    """Yields the first three labels that were left out, each with the reason."""
    for label, why in islice(reasons.items(), 3):
        yield f"    {label!r} {why}"
