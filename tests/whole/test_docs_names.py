"""Every name on the pages exists: modules and what is in them, files of the repository, settings."""

from __future__ import annotations

import re
from pathlib import Path
from pkgutil import resolve_name

import pytest

from worldgen.evaluate.runs.config import EFFORTS, field_names

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "fixtures" / "README.md"]
# A file that docs/adding-a-method.md tells its reader to write.
MADE_BY_THE_READER = {"lm/editors/head.py", "worldgen.lm.editors.head"}
# A path of the repository begins with one of these.
TOP_FOLDERS = ("worldgen", "bayes", "lm", "evaluate", "docs", "tests", "fixtures", "benchmarks", ".ci")
SECTIONS = {name.partition(".")[0] for name in field_names() if "." in name}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def without_blocks(text: str) -> str:
    """Returns a page without its blocks of code, fenced or indented."""
    return re.sub(r"^```.*?^```|^    .*?$", "", text, flags=re.DOTALL | re.MULTILINE)


def in_backticks(text: str) -> list[str]:
    """Returns the texts between single backticks, outside blocks of code."""
    return re.findall(r"`([^`\n]+)`", without_blocks(text))


def exists(dotted: str) -> bool:
    """Returns whether a dotted name is a module, or a thing in a module."""
    try:
        resolve_name(dotted)
    except (ImportError, AttributeError):
        return False
    return True


def test_a_name_exists_if_it_can_be_imported() -> None:
    assert exists("worldgen.bayes.agent")
    assert exists("worldgen.bayes.agent.Agent.revise")
    assert not exists("worldgen.bayes.agent.Nobody")
    assert not exists("worldgen.nowhere")


@each_page
def test_every_dotted_name_can_be_imported(page: Path) -> None:
    names = set(re.findall(r"(?<![\w./])worldgen(?:\.[A-Za-z_]\w*)+", page.read_text())) - MADE_BY_THE_READER
    assert [name for name in sorted(names) if not exists(name)] == []


@each_page
def test_every_path_of_the_repository_exists(page: Path) -> None:
    pattern = rf"(?<![\w./-])(?:{'|'.join(map(re.escape, TOP_FOLDERS))})/[\w./*-]*"
    paths = {path for text in in_backticks(page.read_text()) for path in re.findall(pattern, text)}
    assert [path for path in sorted(paths - MADE_BY_THE_READER) if not list(ROOT.glob(path))] == []


@each_page
def test_every_setting_exists(page: Path) -> None:
    text = page.read_text()
    given = re.findall(r"--(?:set|grid) '?([a-z_.]+)=", text)
    named = [name for name in in_backticks(text) if re.fullmatch(r"[a-z_]+\.(?!(?:py|parquet|json)$)[a-z_]+", name)]
    settings = {*given, *(name for name in named if name.partition(".")[0] in SECTIONS)}
    assert sorted(settings - {*field_names(), *EFFORTS}) == []
