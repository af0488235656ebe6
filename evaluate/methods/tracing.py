"""Causal tracing of a model over many facts: the effect of every site, its average, and the strongest MLP.

Shapes: F facts, S sites.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pandas as pd
from tqdm import tqdm
from transformers import MistralForCausalLM

from worldgen.errors import UserError
from worldgen.evaluate.asking.answers import AnswerReader
from worldgen.evaluate.asking.questions import fact_prompt
from worldgen.evaluate.settings import ScoreConfig
from worldgen.evaluate.statistics.block_bootstrap import Resampling, block_bootstrap
from worldgen.evaluate.statistics.interval import Interval
from worldgen.lm.inspection.causal_tracing import (
    KINDS,
    TOKENS,
    Site,
    Token,
    TracedQuestion,
    embedding_deviation,
    sites_of,
    trace,
)
from worldgen.lm.settings import TraceConfig
from worldgen.lm.texts import texts_of
from worldgen.randomness import generator
from worldgen.storage.files import read_columns, write_table
from worldgen.worlds.world import World

EFFECTS = "effects.parquet"
_BATCH_TOKENS = 8192
_ASKED_AT_ONCE = 256


class Average(NamedTuple):
    """The average indirect effect of a site over the facts: p(answer) with the site restored - p(answer) corrupted."""

    site: Site
    effect: Interval


def trace_facts(
    model: MistralForCausalLM, reader: AnswerReader, world: World, config: TraceConfig, seed: int, quiet: bool
) -> pd.DataFrame:
    """Traces facts that the model knows; returns a row for each fact and site: p(answer) clean, corrupted, restored.

    The facts are drawn in random order; the first `config.facts` that the model answers with the truth are traced.
    Raises UserError where the model knows no fact.
    """
    facts = _known(model, reader, world, config.facts, seed)
    if not facts:
        raise UserError("the model answers no question with the truth, so nothing can be traced: train it longer")
    questions = [_question(world, fact, seed) for fact in facts]
    noise = config.deviations * embedding_deviation(model, reader.tokenizer, [asked.subject for asked in questions])
    at_once = max(1, _BATCH_TOKENS // (config.draws * _longest(reader, questions)))
    frames = []
    for start in tqdm(range(0, len(facts), at_once), desc="trace", disable=quiet):
        some = slice(start, start + at_once)
        traced = trace(model, reader.tokenizer, questions[some], noise, config.draws, config.window)
        outcome = {"fact": facts[some], "clean": traced.clean, "corrupted": traced.corrupted}
        frames += [
            pd.DataFrame(site._asdict() | outcome | {"restored": restored})
            for site, restored in traced.restored.items()
        ]
    return pd.concat(frames, ignore_index=True)


def save_effects(folder: Path, effects: pd.DataFrame) -> None:
    """Writes effects.parquet."""
    write_table(folder / EFFECTS, {name: effects[name].to_numpy() for name in effects})


def load_effects(folder: Path) -> pd.DataFrame:
    """Reads effects.parquet: a row for each fact and site."""
    return pd.DataFrame(read_columns(folder / EFFECTS))


def averages(effects: pd.DataFrame, config: ScoreConfig, seed: int) -> list[Average]:
    """Returns the mean effect of every site with its bootstrap interval over the facts."""
    effect = (effects["restored"] - effects["corrupted"]).rename("effect")
    table = effects.assign(effect=effect).pivot(index="fact", columns=list(Site._fields), values="effect")
    sites = sites_of(int(effects["layer"].max()) + 1)
    resampling, draw = Resampling(config.bootstrap_samples, config.confidence), generator(seed, "trace intervals")
    found = block_bootstrap(table[sites].to_numpy().T[:, :, None], resampling, draw)
    return [Average(site, found.interval(number, config.confidence)) for number, site in enumerate(sites)]


def strongest_mlp(effects: pd.DataFrame, tokens: tuple[Token, ...] = TOKENS) -> Site:
    """Returns the MLP with the greatest mean effect at one of these tokens; of equal ones the lowest layer."""
    mlps = effects[(effects["kind"] == "mlp") & effects["token"].isin(tokens)]
    gains = mlps.assign(gain=mlps["restored"] - mlps["corrupted"])
    means = gains.groupby(["token", "layer"], as_index=False)["gain"].mean()
    best = means.loc[means["gain"].idxmax()]
    return Site(best["token"], "mlp", int(best["layer"]))


def in_words(effects: pd.DataFrame, found: list[Average], strongest: Site) -> str:
    """Returns the effects as a table of layers, and the MLP that `rome` and `memit` rewrite."""
    by_site = dict(found)
    lines = [
        f"{effects['fact'].nunique()} facts: p(answer) {effects['clean'].mean():.2f}, "
        f"{effects['corrupted'].mean():.2f} with noise on the subject; what a site put back brings of it:",
        "layer  " + "".join(f"{f'{token} {kind}':>20}" for token in TOKENS for kind in KINDS),
    ]
    for layer in range(1 + max(site.layer for site in by_site)):
        cells = (by_site[Site(token, kind, layer)] for token in TOKENS for kind in KINDS)
        lines.append(f"{layer:5}  " + "".join(f"{c.mean:+13.2f}±{c.half_width:.2f}".rjust(20) for c in cells))
    lines.append(f"strongest MLP: layer {strongest.layer}, at the last token of the {strongest.token}")
    return "\n".join(lines)


def _known(model: MistralForCausalLM, reader: AnswerReader, world: World, most: int, seed: int) -> list[int]:
    """Returns the first `most` facts, in random order, that the model answers with the truth."""
    order, known = generator(seed, "trace").permutation(len(world)), []
    for start in range(0, len(order), _ASKED_AT_ONCE):
        some = order[start : start + _ASKED_AT_ONCE].tolist()
        answers = reader.answers(model, [_question(world, fact, seed).prompt for fact in some])
        known += [fact for fact, said in zip(some, answers, strict=True) if said == world.objects[world.truth[fact]]]
        if len(known) >= most:
            break
    return known[:most]


def _question(world: World, fact: int, seed: int) -> TracedQuestion:
    subject = int(world.subject[fact])
    prompt = fact_prompt(world, subject, int(world.relation[fact]))
    noise = int(generator(seed, f"trace {fact}").integers(2**63))
    return TracedQuestion(world.subjects[subject], prompt, f"{world.objects[int(world.truth[fact])]}.", noise)


def _longest(reader: AnswerReader, questions: list[TracedQuestion]) -> int:
    texts = texts_of(reader.tokenizer, [(asked.prompt, asked.target) for asked in questions])
    return max(len(text.ids) for text in texts)
