"""How fast the block bootstrap is: weights beside index resampling, on the same draws. Prints JSON.

    python benchmarks/bootstrap.py                                       # 10,000 resamples of 5,000 points x 5 seeds
    python benchmarks/bootstrap.py --points 300 --seeds 1 --metrics 6

A tenth of the values is missing. The check: both forms give the same means, to the last bit; if not, it ends with 1.
Seconds are wall clock; those of the processor stand beside them, for a machine that others use too. Memory is what this
process held at most in excess of what it had held before. Indexing comes last.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import click
import numpy as np

from worldgen.evaluate.statistics.block_bootstrap import Floats, Resampling, block_bootstrap, draws, on_grid
from worldgen.randomness import generator
from worldgen.storage.machine import peak_memory


@click.command()
@click.option("--points", default=5000, show_default=True, type=int, help="Points of the matrix.")
@click.option("--seeds", default=5, show_default=True, type=int, help="Seeds of the matrix.")
@click.option("--metrics", default=1, show_default=True, type=int, help="Metrics that share the draws.")
@click.option("--samples", default=10_000, show_default=True, type=int, help="Resamples.")
def main(points: int, seeds: int, metrics: int, samples: int) -> None:
    """Measure both forms, and compare them."""
    values = generator(0, "values").random((metrics, points, seeds))
    values[generator(0, "missing").random(values.shape) < 0.1] = np.nan
    plan, before = Resampling(samples), peak_memory()
    weighed, by_weights = timed(lambda: block_bootstrap(values, plan, generator(0, "draws")).resampled)
    held = peak_memory() - before
    indexed, by_index = timed(lambda: by_indexing(values, plan, generator(0, "draws")))
    figures = {
        "points": points,
        "seeds": seeds,
        "metrics": metrics,
        "samples": samples,
        "weights": by_weights | {"bytes": held},
        "indexing": by_index,
    }
    click.echo(json.dumps(figures, indent=1))
    if not np.array_equal(weighed, indexed, equal_nan=True):
        raise click.ClickException("weights and indexing give different means")


def by_indexing(values: Floats, plan: Resampling, draw: np.random.Generator) -> Floats:
    """The means of the resamples [B, M], from sub-matrices that are really made."""
    rounded, _ = on_grid(values)
    _, n, s = values.shape
    return np.array(
        [
            np.nanmean(rounded[:, points][:, :, seeds], axis=(1, 2))
            for drawn in draws(n, s, plan, draw)
            for points, seeds in zip(*drawn, strict=True)
        ]
    )


def timed(work: Callable[[], Floats]) -> tuple[Floats, dict[str, float]]:
    """The means, and the seconds they took: by the clock, and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    means = work()
    seconds = {"seconds": time.perf_counter() - clock, "processor_seconds": time.process_time() - processor}
    return means, {name: round(value, 3) for name, value in seconds.items()}


if __name__ == "__main__":
    main()
