"""docs/internalization.md: the code of its sections on mechanisms runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "docs" / "internalization.md").read_text()
MECHANISMS = ("Gradients", "Probes", "Grids of digits")


def code_of(section: str) -> str:
    text = re.split(rf"^## {section}\n", TEXT, flags=re.MULTILINE)[1].partition("\n## ")[0]
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return block


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The names that the sections' blocks leave, run one after another."""
    names: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.mkdtemp", lambda: str(tmp_path_factory.mktemp("grids")))
        for section in MECHANISMS:
            exec(compile(code_of(section), section, "exec"), names)
    return names


def test_both_ways_give_the_same_inner_products(ran):
    found = ran["found"].pairs["inner_product"]
    assert ran["products"] == pytest.approx(found, rel=1e-4, abs=1e-6)  # a model in float32
    assert len(found) == 3


def test_a_map_has_a_cell_for_each_block_and_token(ran):
    assert ran["map_"].accuracy.shape == (2, 3)


def test_a_table_has_a_row_for_each_evaluation_and_group(ran):
    assert len(ran["table"]) == 2 * 10
    assert {"rational_p", "accuracy", "log_p"} < set(ran["table"])
