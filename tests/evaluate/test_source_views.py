"""The list of sources: what is learned of each, as numbers and as a picture."""

from __future__ import annotations

import numpy as np
import pytest
import source_benches

from worldgen.bayes.trust.reliability import BetaMixture
from worldgen.evaluate.inquiry.sources import picture, source_views, sources_text


def beta(a: float, b: float) -> BetaMixture:
    return BetaMixture(np.ones(1), np.array([a]), np.array([b]))


def test_the_picture_is_the_density() -> None:
    assert picture(beta(1, 1)) == "█" * 20
    assert picture(beta(200, 1)).strip() == "█"
    assert picture(beta(200, 1))[-1] == "█"
    assert picture(beta(1, 200))[0] == "█"
    symmetric = picture(beta(8, 8))
    assert symmetric == symmetric[::-1]
    assert symmetric[9] == "█"
    assert symmetric[0] == " "


def test_every_source_is_listed_with_what_is_learned_of_it() -> None:
    world, trust = source_benches.world(), source_benches.mind().trust
    told = [k / 10 for k in range(7)]
    views = source_views(world, trust, told)
    for k, view in enumerate(views):
        assert view.tag == world.sources.tags[k]
        assert view.mean == pytest.approx(trust.mean_reliabilities()[k], abs=1e-9)
        low, high = trust.reliability(k).interval()
        assert (view.low, view.high) == (low, high)
        assert view.trust == told[k]
    lines = sources_text(views).splitlines()[-7:]
    for line, view in zip(lines, views, strict=True):
        assert line.split()[0] == view.tag
        assert f"{view.mean:.2f} [{view.low:.2f}, {view.high:.2f}]" in line
        assert line.endswith(f"{view.trust:.2f}")
    assert sources_text(source_views(world, trust, None)).splitlines()[-1].endswith("-")
