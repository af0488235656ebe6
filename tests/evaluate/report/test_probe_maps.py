"""The figure of linear probes."""

from __future__ import annotations

import numpy as np

from worldgen.evaluate.report.figures.probe_maps import draw_probe_maps
from worldgen.evaluate.report.figures.svg import svg_of


def test_every_cell_shows_its_accuracy_above_and_below_chance():
    maps = {"had a definition": np.array([[0.5, 0.25], [0.75, 1.0]]), "which tag": np.full((2, 2), 0.625)}
    svg = svg_of(
        "probes", (6, 3), lambda figure: draw_probe_maps(figure, maps, ["$what$", "a very long token of a word"])
    )
    for text in (">.25<", ">.75<", ">1.00<", ">.62<", "had a definition", "which tag", "$what$", "a very long t…"):
        assert text in svg
    assert svg.count(">.62<") == 4
    assert "opacity: 0.5" in svg
