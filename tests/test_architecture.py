"""Imports run one way: worldgen <- bayes; worldgen <- lm; all <- evaluate <- cli."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "worldgen": {"worldgen"},
    "bayes": {"worldgen", "bayes"},
    "lm": {"worldgen", "lm"},
    "evaluate": {"worldgen", "bayes", "lm", "evaluate"},
}


def imported_rooms(path: Path) -> set[str]:
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [getattr(node, "module", None) or node.names[0].name for node in nodes]
    return {name.split(".")[0] for name in names} & {*MAY_IMPORT, "cli"}


def test_imports_run_one_way():
    files = [path for room in MAY_IMPORT for path in (ROOT / room).rglob("*.py")]
    assert len(files) > 20
    wrong = {
        str(path): bad for path in files if (bad := imported_rooms(path) - MAY_IMPORT[path.relative_to(ROOT).parts[0]])
    }
    assert not wrong
