"""The figure of causal tracing: what each layer brings back of the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from worldgen.evaluate.report.figures.style import COLORS
from worldgen.evaluate.statistics.interval import Interval

# For each kind of site its label, colour, marker, and how far aside it is drawn.
_LOOKS: Final = {
    "state": ("state after the layer", "muted", "o", 0.0),
    "mlp": ("its MLP", "model", "s", -0.08),
    "attention": ("its attention", "agent", "D", 0.08),
}


def draw_layer_effects(figure: Figure, effects: Mapping[tuple[str, str], Sequence[Interval]]) -> None:
    """Draws the effect of each site, layer by layer, with its interval; a panel for each token.

    The effect is the probability of the answer that comes back when the site is restored. `effects` maps
    (token, kind of site) to the effect at each layer.
    """
    tokens = list(dict.fromkeys(token for token, _ in effects))
    panels = figure.subplots(1, len(tokens), sharey=True, squeeze=False)[0]
    for axes, token in zip(panels, tokens, strict=True):
        for kind, (label, color, marker, aside) in _LOOKS.items():
            found = effects[token, kind]
            layers = np.arange(len(found)) + aside
            axes.vlines(layers, [e.low for e in found], [e.high for e in found], color=COLORS[color], linewidth=1.6)
            axes.plot(
                layers, [e.mean for e in found], marker=marker, markersize=4, linewidth=1.2, color=COLORS[color],
                label=label,
            )  # fmt: skip
        axes.set(title=f"at the {token}'s last token", xlabel="layer", xticks=range(len(found)))
        axes.grid(False, axis="x")
    panels[0].set_ylabel("p(answer) brought back")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower right", ncols=3)
