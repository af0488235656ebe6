"""Paraphrases: the main question with another name of the subject, of the relation, or of both.

The names are those that the corpus uses. Source: Hase et al., 2021, section 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from worldgen.errors import UserError
from worldgen.evaluate.slag.making.mains import Integers, Mains, distinct_places
from worldgen.evaluate.slag.making.tally import Made, tally
from worldgen.evaluate.slag.points import Asked, Paraphrase, Paraphrased, Task
from worldgen.grammar import Atom, truth_prompt
from worldgen.worlds.world import NONE, World

KINDS: tuple[Paraphrased, ...] = ("subject", "relation", "both")
NO_NAME = "the subject or the relation has no further name"
NO_MORE_NAMES = "the names make no further combination"


def make_paraphrases(world: World, mains: Mains, asked: tuple[Asked, ...], most: int) -> Made[Paraphrase]:
    """Returns at most `most` different paraphrases of each kind, drawn uniformly, for the main questions `asked` [N].

    A combination of an alias with a synonym that the corpus never says is marked as held out. Raises UserError for a
    world without aliases, unless `most` is 0.
    """
    if most and not world.has_aliases:
        raise UserError(
            "this world has no aliases, so nothing can be asked in other words: build it with --set world.aliases=3 "
            "from a source that has aliases, or set slag.paraphrases=0"
        )
    kinds = {kind: _combinations(world, mains, kind, most) for kind in KINDS}
    aliases, synonyms = _further_names(world, mains)
    none_at_all = {"subject": aliases == 0, "relation": synonyms == 0, "both": aliases * synonyms == 0}
    items = tuple(
        tuple(_paraphrases(world, mains, i, asked[i], {kind: names[i] for kind, names in kinds.items()}))
        for i in range(len(mains))
    )
    tallies = []
    for kind, names in kinds.items():
        missing = (names[..., 0] == NONE).sum(axis=1)
        nameless = none_at_all[kind]
        reasons = {NO_NAME: int(missing[nameless].sum()), NO_MORE_NAMES: int(missing[~nameless].sum())}
        made = names.shape[0] * names.shape[1] - int(missing.sum())
        tallies.append(tally(mains.task, f"{kind} paraphrase", made, reasons))
    return Made(items, tuple(tallies))


def main_prompt(world: World, task: Task, names: tuple[str, str], object_: int) -> str:
    """Returns the main question by these names of the subject and the relation; `object_` is the one stated in TF."""
    if task is Task.GEN:
        return " ".join(names)
    return truth_prompt(Atom(*names, world.objects[object_]))


def _further_names(world: World, mains: Mains) -> tuple[Integers, Integers]:
    """Returns [N], [N]: the numbers of aliases of each subject and of synonyms of each relation."""
    return world.subjects.name_counts[mains.subject] - 1, world.relations.name_counts[mains.relation] - 1


def _combinations(world: World, mains: Mains, kind: Paraphrased, most: int) -> Integers:
    """Returns [N, most, 2]: the drawn (subject name, relation name), (NONE, NONE) where there are no more.

    Name 0 is the label.
    """
    aliases, synonyms = _further_names(world, mains)
    sizes = {"subject": aliases, "relation": synonyms, "both": aliases * synonyms}[kind]
    place = distinct_places(mains.words(f"{kind} paraphrase", most), sizes)
    per_alias = np.maximum(synonyms, 1)[:, None] if kind == "both" else np.ones((len(mains), 1), dtype=np.int64)
    first = 1 + place // per_alias if kind != "relation" else np.zeros_like(place)
    second = {"subject": np.zeros_like(place), "relation": 1 + place, "both": 1 + place % per_alias}[kind]
    return np.where((place == NONE)[..., None], NONE, np.stack([first, second], axis=-1))


def _paraphrases(
    world: World, mains: Mains, i: int, asked: Asked, names: dict[Paraphrased, Integers]
) -> Iterator[Paraphrase]:
    """Yields the paraphrases of one point."""
    subject, relation = world.subjects.names(int(mains.subject[i])), world.relations.names(int(mains.relation[i]))
    held_out = set(world.held_out.of(int(mains.fact[i])))
    for kind, pairs in names.items():
        for first, second in pairs.tolist():
            if first != NONE:
                prompt = main_prompt(world, mains.task, (subject[first], relation[second]), int(mains.object[i]))
                yield Paraphrase(Asked(prompt, asked.eligible), kind, (first, second) in held_out)
