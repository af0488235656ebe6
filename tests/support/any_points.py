"""Points as hypothesis draws them: every field, texts of any kind, both tasks."""

from __future__ import annotations

from hypothesis import strategies as st

from worldgen.evaluate.slag.points import FALSE, TRUE, Asked, Entailed, Neutral, Paraphrase, Point, Task
from worldgen.evaluate.slag.predictions import normalised
from worldgen.facts import Fact

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(normalised)
FACTS = st.none() | st.builds(Fact, *[st.integers(0, 1000)] * 3)
WEIGHTS = st.floats(0, 1e300, exclude_min=True)
TRUTHS = st.sampled_from([TRUE, FALSE])


@st.composite
def any_point(draw: st.DrawFn, task: Task) -> Point:
    """A point of the task that has no fault, in the split "test" if its subject does not decide on another one."""
    labels = draw(st.lists(TRUTHS if task is Task.TF else TEXTS, min_size=1, max_size=1 if task is Task.TF else 3))
    wrong = draw(st.lists((TRUTHS if task is Task.TF else TEXTS).filter(lambda label: label not in labels), max_size=2))
    conditions = [TRUE, FALSE] if task is Task.TF else [*labels, *wrong]
    id_, subject = draw(TEXTS), draw(TEXTS)
    return Point(
        id_,
        task,
        draw(st.sampled_from(["train", "dev", "test"])),
        draw(st.sampled_from([id_, subject])),
        Asked(draw(TEXTS), tuple(labels)),
        tuple(draw(st.lists(_paraphrases(task, tuple(labels)), max_size=2))),
        tuple(draw(st.lists(_entailed(task, conditions), max_size=2))),
        tuple(
            draw(st.lists(st.builds(Neutral, _asked(task) | st.builds(Asked, TEXTS, st.just(())), FACTS), max_size=2))
        ),
        tuple(wrong),
        draw(FACTS),
        draw(WEIGHTS),
        draw(st.just(()) | st.tuples(*[WEIGHTS] * len(wrong))),
    )


def _asked(task: Task) -> st.SearchStrategy[Asked]:
    if task is Task.TF:
        return st.builds(Asked, TEXTS, st.tuples(TRUTHS))
    return st.builds(Asked, TEXTS, st.lists(TEXTS, min_size=1, max_size=2).map(tuple))


def _neutral(task: Task) -> st.SearchStrategy[Neutral]:
    return st.builds(Neutral, _asked(task) | st.builds(Asked, TEXTS, st.just(())), FACTS)


def _paraphrases(task: Task, labels: tuple[str, ...]) -> st.SearchStrategy[Paraphrase]:
    asked = st.builds(Asked, TEXTS, st.just(labels)) | _asked(task)
    return st.builds(Paraphrase, asked, st.sampled_from(["subject", "relation", "both"]), st.booleans())


@st.composite
def _entailed(draw: st.DrawFn, task: Task, conditions: list[str]) -> Entailed:
    when = draw(st.sampled_from(conditions))
    contrapositive = when == TRUE and draw(st.booleans())
    soft = draw(st.lists(st.tuples(TEXTS, st.floats(0, 1)), max_size=2).map(tuple))
    changes = st.sampled_from([None, True, False])
    return Entailed(draw(_asked(task)), draw(TEXTS), when, contrapositive, soft, draw(st.booleans()), draw(changes))
