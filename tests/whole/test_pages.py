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
COSTS = ROOT / "docs" / "results" / "tiny-4M-edit-costs-2026-11-24.csv"

# The pages that tell of files by their bare names; docs/commands.md and others tell of a run's files instead.
WITH_FILES = ("docs/architecture.md", "docs/results.md", "fixtures/README.md")
FOLDERS = ("worldgen", "bayes", "lm", "evaluate", "benchmarks", "docs", "fixtures")


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


def files_in_backticks(page: Path) -> set[str]:
    """Returns what a page writes in backticks that ends like a file and has no slash (see test_docs_names.py)."""
    return set(re.findall(r"`([\w.-]+\.(?:py|md|toml|csv|json|svg))`", outside_code(page)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, heading in links(page):
        assert target.exists(), target
        assert not heading or heading in anchors(target), (target, heading)


@pytest.mark.parametrize("name", WITH_FILES)
def test_files_on_a_page_exist(name: str) -> None:
    there = {path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*")}
    assert files_in_backticks(ROOT / name) - there == set()


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


def test_the_front_page_is_short() -> None:
    lines = FRONT_PAGE.splitlines()
    assert len(lines) <= 130
    assert max(map(len, lines)) <= 120


def test_ci_finds_the_test_command() -> None:
    block = FRONT_PAGE.split("<!-- test command -->")[1].split("```")[1]
    assert block.startswith("sh\npython3 -m venv .venv && ")
    assert "pytest" in block


def test_the_tables_are_those_of_the_record() -> None:
    record = _record()
    scores = record.from_csv(SCORES)
    assert "\n".join(record.short(scores, record.flops_in(COSTS))) in FRONT_PAGE
    assert "\n".join(record.wide(scores)) in RESULTS


def _record() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_record", ROOT / "benchmarks" / "record.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
