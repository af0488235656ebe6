"""Tracing and the site that is rewritten: from effects to averages, to the strongest MLP, to layers."""

import pandas as pd
import pytest

from worldgen.evaluate.methods.locate import _layers
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.methods.tracing import averages, in_words, load_effects, save_effects, strongest_mlp
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.presets import tiny
from worldgen.evaluate.settings import ScoreConfig
from worldgen.lm.editors.settings import MemitConfig, RomeConfig
from worldgen.lm.inspection.causal_tracing import Site, sites_of

GAINS = {Site("subject", "mlp", 1): 0.3, Site("relation", "mlp", 0): 0.2, Site("relation", "state", 1): 0.5}


@pytest.fixture
def effects() -> pd.DataFrame:
    """Three facts at the sites of two layers; a site's effects are its gain -0.1, +0 and +0.1, or nothing at all."""
    rows = [
        {"fact": fact, **site._asdict(), "clean": 0.9, "corrupted": 0.1 * fact}
        | {"restored": 0.1 * fact + (GAINS[site] + 0.1 * (fact - 1) if site in GAINS else 0.0)}
        for site in sites_of(2)
        for fact in range(3)
    ]
    return pd.DataFrame(rows)


def test_averages_are_means_over_facts_with_their_intervals(effects):
    found = dict(averages(effects, ScoreConfig(bootstrap_samples=2000), seed=0))
    assert list(found) == sites_of(2)
    for site, interval in found.items():
        assert interval.mean == pytest.approx(GAINS.get(site, 0.0), abs=1e-12)
        spread = 0.1 if site in GAINS else 0.0  # 1 in 27 resamples is three times the same fact: within 95%
        assert (interval.low, interval.high) == pytest.approx((interval.mean - spread, interval.mean + spread))


def test_the_strongest_mlp_is_neither_a_state_nor_at_another_token(effects):
    assert strongest_mlp(effects) == Site("subject", "mlp", 1)
    assert strongest_mlp(effects, ("relation",)) == Site("relation", "mlp", 0)
    assert strongest_mlp(effects[effects["layer"] == 0]) == Site("relation", "mlp", 0)


def test_effects_are_kept_and_told(effects, tmp_path):
    save_effects(tmp_path, effects)
    again = load_effects(tmp_path)
    pd.testing.assert_frame_equal(again, effects, check_dtype=False)
    text = in_words(again, averages(again, ScoreConfig(bootstrap_samples=2000), 0), strongest_mlp(again))
    assert "3 facts: p(answer) 0.90, 0.10 with noise" in text
    assert text.count("+0.30±0.10") == 1
    assert text.endswith("strongest MLP: layer 1, at the last token of the subject")


def test_the_layers_that_memit_rewrites():
    four = MemitConfig(layers=4)
    assert [list(_layers(four, layer, 12)) for layer in (0, 5, 11)] == [[0, 1, 2, 3], [2, 3, 4, 5], [8, 9, 10, 11]]
    assert list(_layers(four, 1, 3)) == [0, 1, 2]
    assert list(_layers(RomeConfig(), 2, 3)) == [2]


def test_what_is_traced_and_on_what_it_depends():
    def needs(name, *settings):
        return METHODS[name].needs(getattr(override(tiny(), settings), METHODS[name].section))

    assert needs("rome") == ("corpus", "trace")
    assert needs("memit", "memit.layer=1") == ("corpus", "trace")
    assert needs("rome", "rome.layer=1", "rome.token=subject") == ("corpus",)
    assert needs("lora") == ()
