"""The methods that are trained before they edit (`worldgen train-editor`): they update the points of SLAG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worldgen.evaluate.methods.methods import METHODS, Method
from worldgen.lm.editors.learned.settings import ConstrainedConfig, KeConfig, LearnedConfig

if TYPE_CHECKING:
    from worldgen.evaluate.methods.workbench import Workbench
    from worldgen.lm.editors.learned.learned_editor import LearnedEditor


def _learned(section: str, kind: type[LearnedConfig]) -> Method:
    """Returns the method whose settings are in a section; its name is the section's, without "_editor"."""
    name = section.removesuffix("_editor").replace("_", "-")

    def make(bench: Workbench) -> LearnedEditor:
        from worldgen.lm.editors.learned.learned_editor import LearnedEditor
        from worldgen.lm.editors.learned.saved import load_optimizer
        from worldgen.lm.editors.learned.training import FINAL

        network, config = load_optimizer(bench.optimizers / name / FINAL, bench.model)
        return LearnedEditor(config, bench.edit.mode, bench.tokenizer, network, name)

    fields = tuple(field for field in kind.model_fields if field not in kind.work_fields)
    return Method(name, make, section, fields)


_EVERY = (
    _learned("slag_editor", LearnedConfig),
    _learned("ke", KeConfig),
    _learned("ke_constrained", ConstrainedConfig),
)
LEARNED: dict[str, Method] = {method.name: method for method in _EVERY}
UPDATING: dict[str, Method] = METHODS | LEARNED
"""All methods that can update points."""
