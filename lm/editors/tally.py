"""What an edit computes, counted: each kind of work once, by torch's own counter."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from worldgen.lm.editors.counting import operations_counter

Result = TypeVar("Result")


@dataclass
class Tally:
    """Operations spent. Work with a new name is done once more to be counted: counting is slow, and moves last bits.

    torch counts matrix products and attention, padding included; it sees no optimizer, norm or triangular solve.
    """

    known: dict[Hashable, int] = field(default_factory=dict)
    spent: int = 0

    def counted(self, name: Hashable, work: Callable[..., Result], *given: Any) -> Result:
        """Do the work, which changes nothing but its result; `name` has all that its operations depend on."""
        if name not in self.known:
            with operations_counter() as counter:
                work(*given)
            self.known[name] = counter.get_total_flops()
        self.spent += self.known[name]
        return work(*given)
