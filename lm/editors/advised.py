"""An editor whose requests somebody else first turns into those that it is to learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from transformers import MistralForCausalLM

from worldgen.lm.editions import Edited, Edition, Editor

Adviser = Callable[[Edition], Edition]
"""Returns an edition whose requests say what they are to be learned as (`Request.learned_as`)."""


@dataclass(frozen=True)
class Advised:
    """An editor that learns what an adviser makes of the requests; its costs are those of all that it learns."""

    editor: Editor[MistralForCausalLM]
    adviser: Adviser

    @property
    def name(self) -> str:
        """The name of the editor within."""
        return self.editor.name

    def at_once(self, editions: Sequence[Edition]) -> int:
        """Returns how many editions the editor takes once they are advised."""
        return self.editor.at_once([self.adviser(edition) for edition in editions])

    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> AbstractContextManager[Edited]:
        """Returns the editor's context of the advised editions."""
        return self.editor.edit(model, [self.adviser(edition) for edition in editions])
