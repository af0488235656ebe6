"""Figures as SVG: text stays text, and the same values give the same bytes.

Labels are users' text in any script. They are never read as mathematics. matplotlib only estimates the width of a
script that its font lacks; the browser draws that text with its own fonts.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Final

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

from worldgen.evaluate.report.figures.style import COLORS, STYLE
from worldgen.storage.files import write_text

# matplotlib writes these metadata entries unless each is set to None.
_NO_METADATA: Final = {"Date": None, "Creator": None, "Format": None, "Type": None}


@dataclass(frozen=True)
class FigureFolder:
    """The folder that holds the figures of one page as SVG files."""

    path: Path

    def add(self, name: str, described: str, inches: tuple[float, float], draw: Callable[[Figure], None]) -> Markup:
        """Draws a figure, writes it as NAME.svg and returns it as an element of the page (see `for_page`)."""
        svg = svg_of(name, inches, draw)
        write_text(self.path / f"{name}.svg", svg)
        return Markup(for_page(svg, described))  # matplotlib has escaped the labels in it


def svg_of(name: str, inches: tuple[float, float], draw: Callable[[Figure], None]) -> str:
    """Returns the SVG file of a figure that `draw` fills; `name` keeps its ids apart from those of other figures."""
    with rc_context({**STYLE, "svg.hashsalt": name}), warnings.catch_warnings():  # type: ignore[dict-item]
        # Both warnings are about the shapes of letters, which the browser draws.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        warnings.filterwarnings("ignore", message=r"Matplotlib currently does not support .* natively")
        figure = Figure(inches, layout="constrained")
        draw(figure)
        file = StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata=_NO_METADATA)
    return file.getvalue()


def for_page(svg: str, described: str) -> str:
    """Returns an SVG file as an element of the page: no prolog, no ids that nothing refers to, the page's colours.

    Screen readers read `described`, which must be plain words (it is not escaped).
    """
    element = svg[svg.index("<svg") :].strip()
    element = element.replace("<svg", f'<svg role="img" aria-label="{described}"', 1)
    # In text "<" and ">" are escaped, so the pattern matches tags only and no label changes.
    return re.sub(r"<[^>]*>", _themed, element)


def _themed(tag: re.Match[str]) -> str:
    """Returns a tag with the page's colours, and without the id that matplotlib gives every group."""
    text = re.sub(r'^<g id="[A-Za-z0-9.]+_\d+"', "<g", tag[0])
    for name, color in COLORS.items():
        text = text.replace(color, f"var(--{name})")
    return text
