"""How every figure looks: its colours, its fonts, and how long a label may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# A colour's name is that of the page's CSS variable: the figure on the page takes its colours from the page, dark ones
# on a dark page.
COLORS: Final = {"ink": "#1f2a34", "muted": "#66727e", "line": "#d3dae0", "agent": "#2b6ca3", "model": "#c4532f",
          "better": "#22744a", "worse": "#ad3a22"}  # fmt: skip
STYLE: Final[Mapping[str, str | float | bool | list[str]]] = {
    # A label such as "$x$" is money, not mathematics.
    "text.parse_math": False,
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": COLORS["ink"],
    "axes.edgecolor": COLORS["line"],
    "axes.labelcolor": COLORS["muted"],
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": COLORS["line"],
    "grid.linewidth": 0.6,
    "xtick.color": COLORS["line"],
    "ytick.color": COLORS["line"],
    "xtick.labelcolor": COLORS["muted"],
    "ytick.labelcolor": COLORS["muted"],
    "legend.frameon": False,
    "legend.fontsize": 9,
}


def shortened(label: str, most: int = 30) -> str:
    """Returns the label, cut to `most` characters (the last one is then an ellipsis)."""
    return label if len(label) <= most else label[: most - 1].rstrip() + "…"
