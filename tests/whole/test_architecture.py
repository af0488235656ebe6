"""Holds the plan of the house: which room may import which, no import in a circle, no folder of too many files.

A room is a folder; a folder and its subfolders are different rooms. `cli.py` and `__main__.py` are the room "cli".
The table is without circles, so rooms that keep to it are too.
"""

import ast
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES_IN_A_FOLDER = 15

# Which room may import which, beside itself: lower rooms stand higher up.
MAY_IMPORT = {
    "worldgen": "",  # errors, facts, grammar, randomness, arrays, settings
    "storage": "worldgen",
    "graphs": "worldgen storage",
    "graphs.builtin": "worldgen graphs",
    "graphs.reading": "worldgen storage graphs",
    "graphs.fetching": "worldgen storage graphs",
    "worlds": "worldgen storage graphs",
    "corpus": "worldgen storage worlds",
    "export": "worldgen storage worlds corpus",
    # The rational agent: never meets the language model.
    "bayes": "worldgen storage worlds corpus",
    "bayes.batch": "worldgen bayes",
    "bayes.trust": "worldgen bayes bayes.batch",
    "bayes.variables": "worldgen bayes bayes.trust",
    "bayes.inclusion": "bayes bayes.trust",
    # The language model: never meets the agent.
    "lm": "worldgen storage worlds corpus",
    "lm.training": "worldgen storage lm",
    "lm.inspection": "worldgen lm",
    "lm.staged": "worldgen lm lm.training",
    "lm.editors": "worldgen lm lm.training",
    "lm.editors.lowrank": "worldgen lm lm.editors",
    "lm.editors.tuning": "worldgen lm lm.editors",
    "lm.editors.rewriting": "worldgen lm lm.inspection lm.editors",
    "lm.editors.learned": "worldgen lm lm.training lm.editors lm.editors.tuning",
    "lm.editors.belief": "worldgen lm lm.editors lm.editors.lowrank lm.editors.rewriting",
    "lm.editors.learned.taught": """worldgen lm lm.training lm.editors lm.editors.belief
        lm.editors.learned lm.editors.tuning""",
    # Where both meet. Systems (testbed) do not import each other; teaching reads the testbed's `Case`.
    "evaluate": "worldgen lm lm.editors",
    "evaluate.statistics": "worldgen evaluate",
    "evaluate.asking": "worldgen storage worlds corpus lm lm.training evaluate evaluate.statistics",
    "evaluate.testbed": """worldgen storage worlds corpus export bayes bayes.batch lm
        evaluate evaluate.statistics evaluate.asking""",
    "evaluate.slag": """worldgen storage worlds corpus bayes bayes.batch lm
        evaluate evaluate.statistics evaluate.asking""",
    "evaluate.slag.making": "worldgen worlds bayes bayes.batch evaluate.asking evaluate.slag",
    "evaluate.slag.updating": """worldgen worlds bayes bayes.batch lm
        evaluate.asking evaluate.slag evaluate.slag.making""",
    "evaluate.slag.graphs": """worldgen storage worlds bayes bayes.batch evaluate.statistics evaluate.asking
        evaluate.slag evaluate.slag.making evaluate.slag.updating""",
    "evaluate.slag.converters": "worldgen graphs graphs.reading evaluate.slag",
    "evaluate.slag.learning": "worldgen lm lm.editors.learned evaluate.slag",
    "evaluate.sources": """worldgen storage worlds corpus bayes bayes.trust bayes.variables lm
        evaluate evaluate.statistics evaluate.asking""",
    "evaluate.digit_grids": "worldgen storage bayes bayes.trust lm.training",
    "evaluate.internalizing": """worldgen storage bayes.inclusion bayes.trust lm.staged evaluate evaluate.statistics""",
    "evaluate.teaching": """worldgen worlds corpus bayes bayes.batch lm lm.editors lm.editors.belief
        lm.editors.learned lm.editors.learned.taught evaluate evaluate.asking evaluate.testbed""",
    "evaluate.methods": """worldgen storage worlds corpus bayes lm lm.inspection
        lm.editors lm.editors.lowrank lm.editors.rewriting lm.editors.tuning lm.editors.belief lm.editors.learned
        lm.editors.learned.taught evaluate evaluate.statistics evaluate.asking evaluate.testbed evaluate.teaching""",
    "evaluate.inquiry": "worldgen graphs worlds corpus bayes bayes.trust bayes.variables evaluate.sources",
    "evaluate.report.figures": "worldgen storage evaluate evaluate.statistics",
    "evaluate.report.learned": "evaluate.report.figures",
    "evaluate.report": """worldgen storage worlds corpus
        evaluate evaluate.statistics evaluate.asking evaluate.testbed evaluate.slag evaluate.slag.graphs
        evaluate.sources evaluate.inquiry evaluate.report.figures evaluate.report.graphs
        evaluate.report.learned""",
    "evaluate.report.graphs": """evaluate.statistics evaluate.slag.graphs evaluate.report.figures""",
    # A run joins the settings of all rooms and loads what its stages made: the rooms above never see it.
    "evaluate.runs": """worldgen storage graphs graphs.builtin graphs.reading worlds bayes lm lm.editors
        lm.editors.learned evaluate evaluate.slag evaluate.sources evaluate.internalizing""",
    "evaluate.stages": """worldgen storage graphs worlds corpus export bayes bayes.batch lm lm.training lm.editors
        lm.editors.learned
        evaluate evaluate.statistics evaluate.asking evaluate.testbed evaluate.slag evaluate.slag.graphs
        evaluate.teaching evaluate.methods evaluate.inquiry evaluate.report evaluate.report.graphs
        evaluate.report.learned evaluate.sources
        evaluate.runs""",
    "evaluate.stages.learned": """lm lm.editors.rewriting lm.editors.learned lm.editors.learned.taught
        evaluate.asking evaluate.testbed evaluate.teaching evaluate.methods evaluate.runs evaluate.stages""",
    "evaluate.stages.slag": """worldgen storage worlds bayes lm lm.editors.learned evaluate evaluate.statistics
        evaluate.asking evaluate.slag evaluate.slag.making evaluate.slag.updating evaluate.slag.learning
        evaluate.slag.graphs evaluate.methods evaluate.runs evaluate.stages evaluate.stages.learned""",
    "evaluate.stages.sources": """worldgen storage worlds bayes.trust lm evaluate evaluate.statistics evaluate.asking
        evaluate.sources evaluate.methods evaluate.runs evaluate.stages""",
    "evaluate.stages.internalizing": """worldgen storage lm.staged evaluate.statistics evaluate.internalizing
        evaluate.report.figures evaluate.runs""",
    "evaluate.commands": """worldgen storage graphs graphs.fetching worlds corpus export lm lm.training
        evaluate evaluate.asking evaluate.testbed evaluate.slag evaluate.slag.converters evaluate.sources
        evaluate.methods evaluate.inquiry evaluate.report evaluate.runs evaluate.stages evaluate.stages.slag
        evaluate.stages.sources""",
    "evaluate.commands.learned": """worldgen evaluate.methods evaluate.runs evaluate.commands
        evaluate.stages.slag""",
    "evaluate.commands.sources": """worldgen evaluate.methods evaluate.sources evaluate.inquiry evaluate.report
        evaluate.runs evaluate.stages.slag evaluate.stages.sources evaluate.commands""",
    "evaluate.commands.seeds": """worldgen storage evaluate.report evaluate.runs evaluate.stages evaluate.stages.slag
        evaluate.commands""",
    "evaluate.commands.internalizing": """worldgen evaluate.runs evaluate.stages.internalizing
        evaluate.commands""",
    "evaluate.commands.slag": """worldgen evaluate.slag evaluate.methods evaluate.runs evaluate.stages.slag
        evaluate.commands""",
    "cli": """worldgen evaluate.commands evaluate.commands.slag evaluate.commands.learned evaluate.commands.sources
        evaluate.commands.seeds evaluate.commands.internalizing""",
}


def modules() -> dict[str, Path]:
    """Returns every module of the package by its name, in the folder where it really lies."""
    found = {"worldgen.cli": ROOT / "cli.py"}
    for folder in ("worldgen", "bayes", "lm", "evaluate"):
        package = folder if folder == "worldgen" else f"worldgen.{folder}"
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            if path.resolve() == path:  # not through one of the links
                found[".".join((package, *parts)).removesuffix(".__init__")] = path
    return found


def imported(path: Path) -> set[str]:
    """Returns the full names of what a file imports, wherever in the file it does so."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


MODULES = modules()


def imports() -> dict[str, set[str]]:
    """Returns which modules of the package each of them imports."""
    edges = {}
    for module, path in MODULES.items():
        found = set()
        for name in imported(path):
            while name and name not in MODULES:  # a name inside a module
                name = name.rpartition(".")[0]
            found.add(name)
        edges[module] = found - {"", module}
    return edges


IMPORTS = imports()


def room(module: str) -> str:
    """Returns the room of a module, as the table names it."""
    if module in ("worldgen.cli", "worldgen.__main__"):
        return "cli"
    folder = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    return folder.removeprefix("worldgen.")


def against_the_table() -> dict[str, set[str]]:
    """Returns the pairs of rooms whose imports the table forbids, with the imports."""
    found = defaultdict(set)
    for module, others in IMPORTS.items():
        for other in others:
            here, there = room(module), room(other)
            if here != there and there not in MAY_IMPORT[here].split():
                found[f"{here} -> {there}"].add(f"{module} -> {other}")
    return found


def test_every_room_is_in_the_table():
    assert {room(module) for module in MODULES} == set(MAY_IMPORT)
    assert {other for others in MAY_IMPORT.values() for other in others.split()} <= set(MAY_IMPORT)
    assert len(MODULES) > 100


def test_rooms_import_what_the_table_allows():
    """An import that fails here is in the wrong room, or the table is to change, with a reason."""
    assert not against_the_table()


def test_the_table_has_no_circle():
    list(TopologicalSorter({here: others.split() for here, others in MAY_IMPORT.items()}).static_order())


def test_no_files_import_each_other_in_a_circle():
    list(TopologicalSorter(IMPORTS).static_order())


def test_the_agent_and_the_model_never_meet():
    for one, other in (("bayes", "lm"), ("lm", "bayes")):
        rooms = [here for here in MAY_IMPORT if here.split(".")[0] == one]
        assert not [here for here in rooms for there in MAY_IMPORT[here].split() if there.split(".")[0] == other]


def test_nothing_imports_a_top_level_room():
    files = [*MODULES.values(), *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    top = ("bayes", "lm", "evaluate", "cli")
    assert not {str(path) for path in files if any(name.split(".")[0] in top for name in imported(path))}


def test_folders_are_small():
    folders = {path.parent for path in MODULES.values()} - {ROOT}
    sizes = {
        str(folder.relative_to(ROOT)): len([f for f in folder.iterdir() if f.is_file() and f.name != "__init__.py"])
        for folder in folders
    }
    assert not {folder: files for folder, files in sizes.items() if files > FILES_IN_A_FOLDER}


def test_tests_of_rooms_start_no_process():
    """Whole runs and commands are tested in tests/whole, processes in tests/slow."""
    rooms = [path for room in ("worldgen", "bayes", "lm", "evaluate") for path in (ROOT / "tests" / room).rglob("*.py")]
    starting = {"subprocess", "multiprocessing"}
    assert not {str(path) for path in rooms if starting & {name.split(".")[0] for name in imported(path)}}
    assert len(rooms) > 50
