"""benchmarks/rivals.py: table and figure are of the kept scores, as docs/editing.md shows them."""

from __future__ import annotations

import re
from pathlib import Path

import benchmark_files
import pandas as pd
import pytest
from click.testing import CliRunner

from worldgen.evaluate.testbed.editing_metrics import METRIC_NAMES

rivals = benchmark_files.load("rivals")
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "editing.md").read_text()


def kept(world: str, name: str, n: int, mean: float, flops: float) -> pd.DataFrame:
    rows = [
        (world, name, flops, group, n, row, metric, mean if row == "post" else 0.25, 0.0, 1.0)
        for group in (rivals.GROUP, "all")
        for row in ("pre", "post", "delta")
        for metric in METRIC_NAMES
    ]
    columns = ["world", "name", "flops", "group", "n", "row", "metric", "mean", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


TABLE = pd.concat(
    [
        kept("first", "lora", 10, 0.5, 1e9), kept("second", "lora", 30, 0.9, 2e9),
        kept("first", "belief, quick", 4, 1.0, 22e9), kept("first", "belief, full", 4, 1.0, 513e9),
    ]
)  # fmt: skip


def test_a_row_is_the_mean_over_all_cases_of_all_worlds() -> None:
    found = rivals.means(TABLE, "post")
    assert list(found.index) == ["lora", "belief, quick", "belief, full"]
    assert found.loc["lora", "acc_s1r2"] == pytest.approx((10 * 0.5 + 30 * 0.9) / 40)
    assert found.loc["lora", "flops"] == pytest.approx((10 * 1e9 + 30 * 2e9) / 40)
    assert found["n"].tolist() == [40, 4, 4]
    head, _, before, lora, quick, _ = rivals.lines(TABLE)
    assert head.count("|") == before.count("|") == lora.count("|")
    assert before.startswith("| before | 40 | .25 |")
    assert lora.startswith("| `lora` | 40 | .80 |")
    assert lora.endswith("| 1.8 |")
    assert quick.endswith("| 1.00 | 22 |")


def test_the_figure_joins_the_settings_of_belief(tmp_path: Path) -> None:
    TABLE.to_csv(tmp_path / "kept.csv", index=False)
    for _ in range(2):
        done = CliRunner().invoke(rivals.main, ["figure", str(tmp_path / "kept.csv"), str(tmp_path / "drawn.svg")])
        assert done.exit_code == 0, done.output
    svg = (tmp_path / "drawn.svg").read_text()
    assert all(title in svg for title in rivals.PANELS)
    assert svg.count("belief, quick") == svg.count("belief, full") == 1  # in the legend


def test_a_folder_is_named_with_its_world_and_row(tmp_path: Path) -> None:
    done = CliRunner().invoke(rivals.main, ["keep", str(tmp_path / "a.csv"), "--cases", "2", "lora=edits/lora"])
    assert done.exit_code == 1
    assert "write it as WORLD:NAME=PATH" in done.output


@pytest.mark.parametrize("name", sorted(set(re.findall(r"docs/results/((?:rivals|frontier)-[\w-]+)\.csv", PAGE))))
def test_the_page_has_the_tables_of_the_record(name: str) -> None:
    table = list(rivals.lines(pd.read_csv(ROOT / "docs" / "results" / f"{name}.csv")))
    assert len(table) >= 5
    assert "\n".join(table) in PAGE
