"""docs/adding-a-method.md: its method is 30 lines, works, and is added by the lines that the page says."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

import worldgen.evaluate.methods.methods
from worldgen.evaluate.runs.presets import tiny
from worldgen.lm.editions import Edition, Request
from worldgen.lm.model import new_model
from worldgen.lm.score import log_probabilities
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import train_word_tokenizer

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "adding-a-method.md").read_text()
METHOD, ENTRY = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
REQUESTS = (Request("ada born in", "paris."), Request("bob born in", "london."))
PAIRS = [(request.prompt, request.target) for request in REQUESTS]


def executed(name: str, code: str) -> ModuleType:
    module = ModuleType(name)
    sys.modules[name] = module  # dataclasses look for it there
    exec(compile(code, name, "exec"), module.__dict__)
    return module


@pytest.fixture
def editor(monkeypatch):
    """The page's method, by the page's entry in the file that the page names."""
    for name in ("worldgen.lm.editors.head", "methods_with_head"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setitem(sys.modules, name, ModuleType(name))  # so that it is taken out again
    executed("worldgen.lm.editors.head", METHOD)
    source = Path(worldgen.evaluate.methods.methods.__file__).read_text()
    methods = executed("methods_with_head", source + ENTRY)
    tokenizer = train_word_tokenizer(["ada", "bob", "born in", "paris", "london"])
    return lambda edit: methods.HEAD.make(SimpleNamespace(edit=edit, tokenizer=tokenizer))


def test_it_is_thirty_lines():
    lines = [line for line in METHOD.splitlines() if line.strip()]
    assert len(lines) <= 30


@pytest.mark.parametrize(("mode", "requests"), [("single", 1), ("sequential", 2), ("together", 2)])
def test_the_method_of_the_page(editor, mode, requests):
    method = editor(tiny().edit.model_copy(update={"mode": mode, "requests": requests}))
    sizes = PretrainConfig(hidden=32, intermediate=64, layers=2, heads=4, kv_heads=4, row_tokens=64)
    model = new_model(sizes, method.tokenizer, seed=0)
    before = log_probabilities(model, method.tokenizer, PAIRS[:requests])
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    editions = [Edition(REQUESTS[:requests], seed=0)]
    assert method.at_once(editions) == 1
    with method.edit(model, editions) as edited:
        during = log_probabilities(edited, method.tokenizer, PAIRS[:requests])
    assert during[-1] > before[-1] + 1  # the last of a sequence, for the first may be forgotten again
    assert len(edited.costs[0].losses) == (80 if mode == "sequential" else 40)
    assert np.array_equal(log_probabilities(model, method.tokenizer, PAIRS[:requests]), before)
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())


def test_every_name_of_the_page_is_there():
    from worldgen.lm import editions
    from worldgen.lm.editors import restoring

    for name in re.findall(r"^\| `(\w+)\(", TEXT, re.MULTILINE):
        assert hasattr(editions, name) or hasattr(restoring, name) or name == "at_once", name
    for field in ("requests", "seed"):
        assert field in Edition.__dataclass_fields__
