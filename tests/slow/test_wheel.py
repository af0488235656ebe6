"""The wheel installs `worldgen` and nothing else, whole, and Hugging Face's `evaluate` works beside it."""

import csv
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("worldgen", "bayes", "lm", "evaluate", "tests", "benchmarks", "cli.py", "README.md", "pyproject.toml")
SETUPTOOLS = 77  # the oldest that pyproject.toml allows
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--retries", "0", "--timeout", "15")
BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"
BESIDE = """
import evaluate, worldgen, worldgen.evaluate
from worldgen.evaluate.statistics import block_bootstrap
print(evaluate.__version__, evaluate.__file__, hasattr(evaluate, "load"))
print(worldgen.__file__, worldgen.evaluate.__file__)
"""


def run(*command: str | Path, folder: Path, path: Path | str = "") -> str:
    """Runs a command in a folder, which imports from `path` first; returns its output."""
    environment = {**os.environ, "PYTHONPATH": str(path)}
    done = subprocess.run(list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def from_registry(*command: str | Path) -> None:
    """Runs pip; the test is skipped where pip does not get what it asks for."""
    done = subprocess.run([*PIP, *map(str, command)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no package registry: {done.stderr.strip().splitlines()[-1]}")


def has_backend() -> bool:
    """Whether this environment can build a wheel itself."""
    try:
        return int(version("setuptools").split(".")[0]) >= SETUPTOOLS
    except PackageNotFoundError:
        return False


def built(kind: str, source: Path, folder: Path, backend: Path) -> Path:
    """Builds a wheel or an sdist of a source tree, and returns its file."""
    folder.mkdir()
    run(sys.executable, "-c", BUILD, f"build_{kind}", folder, folder=source, path=backend)
    (file,) = folder.iterdir()
    return file


def source_files() -> set[str]:
    """Returns the package's files as an installation should have them."""
    walk = os.walk(ROOT / "worldgen", followlinks=True)
    files = {str((Path(folder) / name).relative_to(ROOT)) for folder, _, names in walk for name in names}
    return {file for file in files if "__pycache__" not in file}


def contents(wheel: Path) -> list[str]:
    """Returns the files that a wheel's RECORD names."""
    with zipfile.ZipFile(wheel) as archive:
        (record,) = (name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
        rows = [row[0] for row in csv.reader(archive.read(record).decode().splitlines())]
        assert sorted(rows) == sorted(archive.namelist())
    return rows


@pytest.fixture(scope="module")
def backend(tmp_path_factory) -> Path:
    """A folder that holds what builds a wheel; empty where this environment does."""
    folder = tmp_path_factory.mktemp("backend")
    if not has_backend():
        from_registry("install", "--target", folder, f"setuptools>={SETUPTOOLS}")
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A copy of the source tree, links as links: building leaves files in it."""
    folder = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(source, backend, tmp_path_factory) -> Path:
    return built("wheel", source, tmp_path_factory.mktemp("built") / "wheel", backend)


@pytest.fixture(scope="module")
def hugging_face(tmp_path_factory) -> Path:
    """The wheel of Hugging Face's `evaluate`."""
    folder = tmp_path_factory.mktemp("hugging-face")
    from_registry("download", "--no-deps", "--dest", folder, "evaluate")
    (file,) = folder.glob("evaluate-*.whl")
    return file


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    files = contents(wheel)
    assert len(set(files)) == len(files)
    own = {file for file in files if ".dist-info/" not in file}
    assert {file.split("/")[0] for file in own} == {"worldgen"}
    assert own == source_files()
    assert any(file.endswith(".jinja") for file in own)


def test_a_wheel_can_be_built_from_the_sdist(wheel, source, backend, tmp_path):
    sdist = built("sdist", source, tmp_path / "sdist", backend)
    shutil.unpack_archive(sdist, tmp_path / "unpacked")
    (tree,) = (tmp_path / "unpacked").iterdir()
    again = built("wheel", tree, tmp_path / "wheel", backend)
    assert sorted(contents(again)) == sorted(contents(wheel))


@pytest.mark.parametrize("worldgen_first", [True, False])
def test_hugging_faces_evaluate_works_beside_it(wheel, hugging_face, worldgen_first, tmp_path):
    wheels = [wheel, hugging_face] if worldgen_first else [hugging_face, wheel]
    for file in wheels:  # --ignore-installed: what this environment has stays as it is
        run(*PIP, "install", "--no-deps", "--ignore-installed", "--prefix", tmp_path, file, folder=tmp_path)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path)}))
    lines = run(sys.executable, "-c", BESIDE, folder=tmp_path, path=site).splitlines()
    theirs, ours = (line.split() for line in lines)
    assert theirs == [hugging_face.name.split("-")[1], str(site / "evaluate" / "__init__.py"), "True"]
    assert ours == [str(site / "worldgen" / "__init__.py"), str(site / "worldgen" / "evaluate" / "__init__.py")]
    for command in ((sys.executable, "-m", "worldgen"), (tmp_path / "bin" / "worldgen",)):
        assert "Usage: " in run(*command, "--help", folder=tmp_path, path=site)
