"""The lines of KILT's files, as far as points need them (https://github.com/facebookresearch/KILT, "KILT data format").

{"id": ..., "input": ..., "output": [{"answer": ..., "provenance": [...]}], "meta": {"template_questions": [...]}}
"""

from __future__ import annotations

from pydantic import BaseModel, StrictInt, StrictStr


class Output(BaseModel):
    """One answer. KILT has outputs that hold a provenance only."""

    answer: StrictStr | None = None


class Meta(BaseModel):
    """The fields that a data set of KILT adds to a line: in zsRE, the input as questions."""

    template_questions: tuple[StrictStr, ...] = ()


class KiltLine(BaseModel):
    """A line of a KILT file."""

    id: StrictInt | StrictStr
    input: StrictStr
    output: tuple[Output, ...] = ()
    meta: Meta = Meta()

    @property
    def answers(self) -> tuple[str, ...]:
        """The answers in the line's order, each once; blank ones are left out."""
        said = [output.answer.strip() for output in self.output if output.answer]
        return tuple(dict.fromkeys(filter(None, said)))
