"""README.md and docs/: the files, links and imports that they name exist, and their tables are those of the record."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "fixtures" / "README.md"]
FRONT_PAGE = (ROOT / "README.md").read_text()
RESULTS = (ROOT / "docs" / "results.md").read_text()
SCORES = ROOT / "docs" / "results" / "tiny-4M-240-scores-2026-11-22.csv"

# The pages whose every path in backticks lies in the repository. docs/commands.md tells of run folders instead.
WITH_PATHS = ("docs/README.md", "docs/architecture.md", "docs/results.md", "fixtures/README.md")
NOT_IN_THE_REPOSITORY = ("runs/", "edits/METHOD", "trajectories/METHOD", "tune/cases")


def outside_code(page: Path) -> str:
    """Returns a page's text without its blocks of code and its indented formulas."""
    return re.sub(r"^```.*?^```|^    .*?$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """Yields what each link of a page leads to in the repository: a file, and a heading in it or ""."""
    text = re.sub(r"`[^`]*`", "", outside_code(page))
    inline, defined = re.findall(r"\]\(([^)\s]+)\)", text), re.findall(r"^\[[^\]]+\]: (\S+)$", text, re.MULTILINE)
    for target in (*inline, *defined):
        if "://" not in target:
            path, _, heading = target.partition("#")
            yield (page.parent / path if path else page), heading


def anchors(page: Path) -> set[str]:
    """Returns the names by which links reach a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", outside_code(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def paths_in_backticks(page: Path) -> set[str]:
    """Returns what a page writes in backticks that looks like a path: it has a slash or the ending of a file."""
    words = re.findall(r"`([\w./*-]+)`", outside_code(page))
    return {word for word in words if "/" in word or re.search(r"\w\.(py|md|toml|csv|json|svg)$", word)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, heading in links(page):
        assert target.exists(), target
        assert not heading or heading in anchors(target), (target, heading)


@pytest.mark.parametrize("name", WITH_PATHS)
def test_paths_on_a_page_exist(name: str) -> None:
    page, in_folders = ROOT / name, {path.name for path in ROOT.rglob("*") if ".venv" not in path.parts}
    for path in paths_in_backticks(page):
        if not path.startswith(NOT_IN_THE_REPOSITORY):
            where = ROOT.glob(path.rstrip("/")) if "/" in path.rstrip("/") else (path.rstrip("/") in in_folders,)
            assert any(where), f"{name} names {path}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_imports_on_a_page_work(page: Path) -> None:
    for module, names in re.findall(
        r"^(?:>>> )?from (worldgen[\w.]*) import ([\w, ]+)", page.read_text(), re.MULTILINE
    ):
        if importlib.util.find_spec(module) is None:
            assert page.name == "adding-a-method.md"  # its own file, `head`, is the reader's to write
            continue
        for name in names.split(","):
            assert hasattr(importlib.import_module(module), name.strip()), f"{module} has no {name}"


def test_ci_finds_the_test_command() -> None:
    block = FRONT_PAGE.split("<!-- test command -->")[1].split("```")[1]
    assert block.startswith("sh\npython3 -m venv .venv && ")
    assert "pytest" in block


def test_the_tables_are_those_of_the_record() -> None:
    record = _record()
    scores = record.from_csv(SCORES)
    assert "\n".join(record.wide(scores)) in RESULTS


def _record() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_record", ROOT / "benchmarks" / "record.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
