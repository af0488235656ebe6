"""Draws the variables of a world: which entities take part, in which part, and what the definitions say.

Nothing else of the world changes, because each step has a random stream of its own. The design is balanced: every tag
has the same number of definitions in each stage. Shapes: N entities that take part, n of a part, F facts.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.errors import UserError
from worldgen.facts import Vocabulary
from worldgen.randomness import Stream, below, generator
from worldgen.settings import DefinitionsConfig
from worldgen.unspeakable import words_of
from worldgen.worlds.definitions import Definitions, Role
from worldgen.worlds.random_words import random_words
from worldgen.worlds.world import NONE, World

# The parts in the order in which entities are dealt: the setting of their share, and their role.
_STAGE_1 = (
    ("defined_percent", Role.DEFINED), ("undefined_percent", Role.UNDEFINED), ("unreplaced_percent", Role.UNREPLACED)
)  # fmt: skip
_STAGE_2 = (("told_percent", Role.TOLD), ("newcomer_percent", Role.TOLD), ("unseen_percent", Role.UNSEEN))


def with_definitions(world: World, config: DefinitionsConfig, seed: int) -> World:
    """Returns the world with the variables that the config asks for; nothing else of it changes.

    Raises UserError if there are fewer entities, or fewer free words, than the config asks for, if a part has fewer
    entities than tags, and for a tag with a single wrong definition.
    """
    dealt = _entities(world, config, seed)
    counts, N = _counts(config, len(dealt)), len(dealt)
    first = sum(counts[setting] for setting, _ in _STAGE_1)
    second = first + sum(counts[setting] for setting, _ in _STAGE_2)
    again = generator(seed if config.stage2_seed == "seed" else config.stage2_seed, "stage 2")
    subject = np.concatenate([dealt[:first], again.permutation(np.sort(dealt[first:second]))])
    role = np.repeat([r for _, r in (*_STAGE_1, *_STAGE_2)], [counts[s] for s, _ in (*_STAGE_1, *_STAGE_2)])
    tag = _tag_of(config, counts)
    stated = np.where(tag == NONE, NONE, subject)
    for k, reliability in enumerate(config.reliabilities):
        rows = np.flatnonzero((role == Role.DEFINED) & (tag == k))
        wrong = rows[int(reliability * len(rows) + 0.5) :]
        stated[wrong] = subject[wrong[_derangement(generator(seed, f"wrong definitions {k}"), len(wrong), k, N)]]
    order = np.argsort(subject)
    subject, role, tag, stated = (column[order].astype(np.int32) for column in (subject, role, tag, stated))
    has_variable = role != Role.UNREPLACED
    variables, tags = _words(world, config, int(has_variable.sum()), seed)
    return replace(
        world,
        definitions=Definitions(
            tags, np.array([*config.reliabilities, *[np.nan] * config.newcomers]), variables, config.order,
            config.sentences, subject, role.astype(np.int8),
            np.where(has_variable, np.cumsum(has_variable) - 1, NONE).astype(np.int32), tag, stated,
            np.where(role <= Role.UNREPLACED, _held_out(world, subject, seed), NONE).astype(np.int32),
        ),
    )  # fmt: skip


def told_facts(world: World, subject: int) -> NDArray[np.int64]:
    """Returns the facts of a subject that untagged sentences tell."""
    facts = np.arange(world.first_fact[subject], world.first_fact[subject + 1])
    return facts[~world.only_reported[facts]]


def _entities(world: World, config: DefinitionsConfig, seed: int) -> NDArray[np.int64]:
    """Returns the entities that take part, in random order: [N]. Each has two questions: one can be held out."""
    S = len(world.subjects)
    fit = np.bincount(world.subject[~world.only_reported], minlength=S) >= 2
    words = Stream(seed, "entities").words(world.subject_keys, np.ones(S, dtype=np.int64))
    order = np.argsort(words, kind="stable")
    order = order[fit[order]]
    if config.entities > len(order):
        raise UserError(
            f"definitions.entities is {config.entities}, but only {len(order)} subjects of this world have two facts "
            f"that untagged sentences tell: lower it or raise world.facts"
        )
    return order[: config.entities or len(order)]


def _counts(config: DefinitionsConfig, N: int) -> dict[str, int]:
    """Returns the number of entities of each part: its percent of N, down to a multiple of the number of its tags."""
    K = len(config.reliabilities)
    tags = {"defined_percent": K, "told_percent": K, "newcomer_percent": config.newcomers}
    counts = {}
    for name, percent in config.percents.items():
        each, count = tags.get(name, 1), N * percent // 100
        if percent and count < each:
            whose = f" for each of {each} tags" if each > 1 else ""
            raise UserError(
                f"definitions.{name}: {percent}% of {N} entities are {count}, too few{whose}: "
                f"raise it, or definitions.entities, or set it to 0"
            )
        counts[name] = count - count % each if each else count
    return counts


def _tag_of(config: DefinitionsConfig, counts: dict[str, int]) -> Ids:
    """Returns the tag of each entity's definition, in the order of the parts: [N]. A tag's entities are a run."""
    K, newcomers = len(config.reliabilities), config.newcomers
    among = {"defined_percent": range(K), "told_percent": range(K), "newcomer_percent": range(K, K + newcomers)}
    parts = []
    for name, _ in (*_STAGE_1, *_STAGE_2):
        tags = among.get(name, ())
        parts.append(np.repeat(np.array(tags or [NONE]), counts[name] // max(len(tags), 1)))
    return np.concatenate(parts).astype(np.int32)


def _derangement(draw: np.random.Generator, n: int, tag: int, N: int) -> NDArray[np.int64]:
    """Returns a permutation of 0 .. n-1 without a fixed point, each with the same chance.

    Raises UserError for n = 1, where there is none.
    """
    if n == 1:
        raise UserError(
            f"a single definition of tag {tag} would be wrong, and of its subset there is no other entity to name: "
            f"change definitions.reliabilities, or take more than {N} entities"
        )
    while True:  # e tries, on average
        order = draw.permutation(n)
        if (order != np.arange(n)).all():
            return order


def _held_out(world: World, subject: Ids, seed: int) -> NDArray[np.int64]:
    """Returns for each entity one of the facts that untagged sentences tell of it: [N]."""
    words = Stream(seed, "held-out questions").words(world.subject_keys[subject], np.ones(len(subject), dtype=np.int64))
    told = [told_facts(world, s) for s in subject.tolist()]
    place = below(words, np.array([len(facts) for facts in told]))
    return np.array([facts[i] for facts, i in zip(told, place.tolist(), strict=True)])


def _words(world: World, config: DefinitionsConfig, variables: int, seed: int) -> tuple[Vocabulary, Vocabulary]:
    """Draws the variables and the tags: words that are in no other name."""
    lexicon, T = world.lexicon, len(config.reliabilities) + config.newcomers
    taken = words_of(lexicon.subjects | lexicon.relations | lexicon.objects | lexicon.tags)
    names = random_words(
        generator(seed, "variables"), variables, config.variable_letters, taken, "variables need a name each",
        "definitions.variable_letters",
    )  # fmt: skip
    tags = random_words(
        generator(seed, "definition tags"), T, config.tag_letters, taken | {*names}, "tags need a name each",
        "definitions.tag_letters",
    )  # fmt: skip
    return Vocabulary("variable", names), Vocabulary("tag", tags)
