"""Imports run one way: worldgen <- bayes; worldgen <- lm; all <- evaluate <- cli."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("bayes", "lm", "evaluate", "cli")
MAY_IMPORT = {
    "worldgen": {"worldgen"},
    "bayes": {"worldgen", "bayes"},
    "lm": {"worldgen", "lm"},
    "evaluate": {"worldgen", "bayes", "lm", "evaluate"},
}


def part_of(module: str) -> str:
    first, *rest = module.split(".")
    return rest[0] if rest and rest[0] in PARTS else first


def imported_parts(path: Path) -> set[str]:
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [getattr(node, "module", None) or node.names[0].name for node in nodes]
    return {part_of(name) for name in names if name.startswith("worldgen") or name.split(".")[0] in PARTS}


def test_imports_run_one_way():
    files = [path for part in MAY_IMPORT for path in (ROOT / part).rglob("*.py")]
    files = [
        path for path in files if path.name != "__main__.py" and not any(p.is_symlink() for p in (path, *path.parents))
    ]
    assert len(files) > 20
    wrong = {
        str(path): bad for path in files if (bad := imported_parts(path) - MAY_IMPORT[path.relative_to(ROOT).parts[0]])
    }
    assert not wrong
