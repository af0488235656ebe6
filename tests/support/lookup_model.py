"""A model that is a table from prompt to prediction, the metrics of beliefs written out with loops, and random points.

No array and no function of the fast path comes into the written-out metrics: only points and `answered`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

from hypothesis import strategies as st

from worldgen.evaluate.slag.points import (
    Asked,
    Entailed,
    Neutral,
    Paraphrase,
    Paraphrased,
    Point,
    Task,
    questions_of,
)
from worldgen.evaluate.slag.predictions import PointQuestions, Predictions, predictions_of

Table = Mapping[str, str]
"""A model: the prediction for each prompt."""


def answered(model: Table, asked: Sequence[Asked]) -> Predictions:
    """Returns the table's predictions for these questions."""
    return predictions_of(asked, [model[question.prompt] for question in asked])


def answered_points(model: Table, points: Sequence[Point]) -> tuple[PointQuestions, Predictions]:
    """Returns the points' questions with the table's predictions for them."""
    questions = PointQuestions(tuple(points))
    return questions, answered(model, questions.asked)


def same(one: str, other: str) -> bool:
    """Returns whether two texts are the same prediction (for texts without blanks and sentence marks inside)."""
    return one.lower().strip(" .") == other.lower().strip(" .")


def right(model: Table, question: Asked) -> bool:
    """Returns whether the table's prediction is an eligible one."""
    return any(same(model[question.prompt], label) for label in question.eligible)


def mean(values: Sequence[float]) -> float:
    """Returns the mean, NaN of nothing."""
    return sum(values) / len(values) if values else float("nan")


def written_out_detection(model: Table, point: Point) -> dict[str, float]:
    """Returns the detection metrics of one point, but for the parts of a paraphrase."""
    main = right(model, point.main)
    said = [model[its.asked.prompt] for its in point.paraphrases]
    pairs = list(itertools.combinations([model[point.main.prompt], *said], 2))
    follows = [its for its in point.entailed if any(same(its.when, label) for label in point.main.eligible)]
    entailed = [its for its in follows if not its.soft]
    metrics = {
        "consistency": mean([same(*pair) for pair in pairs]),
        "para_accuracy": mean([right(model, its.asked) for its in point.paraphrases]),
        "para_equality": mean([same(text, model[point.main.prompt]) for text in said]),
        "entailment": mean([right(model, its.asked) for its in entailed if its.for_accuracy]),
        "neutral_accuracy": mean([right(model, its.asked) for its in point.neutral if its.asked.eligible]),
    }
    nothing = float("nan")
    split = {f"{name}_right": value if main else nothing for name, value in metrics.items()}
    split |= {f"{name}_wrong": nothing if main else value for name, value in metrics.items()}
    wrong = [its for its in entailed if its.contrapositive and not right(model, its.asked)]
    everything = [question for _, question in questions_of(point)]
    return {
        **metrics,
        **split,
        "accuracy": float(main),
        "contrapositive": mean([not main for _ in wrong]),
        "unanswered": mean([model[question.prompt] == "" for question in everything]),
    }


def written_out_updates(
    block: Sequence[Point], desired: Sequence[tuple[str, ...]], before: Table, after: Table, random: Sequence[Asked]
) -> dict[str, float]:
    """Returns the metrics of one block, but for distances, other entailed questions, and before and after but one."""
    both = list(zip(block, desired, strict=True))
    active = [its for point, labels in both for its in point.entailed if any(same(its.when, label) for label in labels)]
    counted = [its for its in active if its.for_accuracy]
    neutral = [its.asked for point in block for its in point.neutral]
    return {
        "usr_main": mean([any(same(after[p.main.prompt], label) for label in labels) for p, labels in both]),
        "usr_para": mean([same(after[i.asked.prompt], after[p.main.prompt]) for p in block for i in p.paraphrases]),
        "usr_entailed": mean([right(after, its.asked) for its in counted]),
        "entailment_after": mean([right(after, its.asked) for its in counted if not its.soft]),
        "usr_entailed_changes": mean([right(after, its.asked) for its in counted if its.changes is True]),
        "usr_entailed_stays": mean([right(after, its.asked) for its in counted if its.changes is False]),
        "retain_neutral": mean([same(after[question.prompt], before[question.prompt]) for question in neutral]),
        "retain_all": mean([same(after[question.prompt], before[question.prompt]) for question in random]),
        "delta_accuracy": mean([100.0 * (right(after, question) - right(before, question)) for question in random]),
        "neutral_accuracy": mean([right(after, question) for question in neutral if question.eligible]),
    }


ANSWERS: Final = ("a", "b", "c")


@st.composite
def points_and_models(draw: st.DrawFn, most: int = 12) -> tuple[list[Point], Table, Table]:
    """Draws points whose prompts all differ, and two models that answer them all, sometimes not at all."""
    answer = st.sampled_from(ANSWERS)
    numbers = st.integers(0, 3)
    prompts: list[str] = []

    def ask(labels: tuple[str, ...]) -> Asked:
        prompts.append(f"question {len(prompts)}")
        return Asked(prompts[-1], labels)

    def point(number: int) -> Point:
        labels = tuple(draw(st.sets(answer, min_size=1, max_size=2)))
        part: st.SearchStrategy[Paraphrased] = st.sampled_from(("subject", "relation", "both"))
        paraphrases = [Paraphrase(ask(labels), draw(part), draw(st.booleans())) for _ in range(draw(numbers))]
        entailed = [
            Entailed(
                ask((draw(answer),)), draw(st.sampled_from(("R1", "R7"))), draw(answer), draw(st.booleans()),
                soft=draw(st.sampled_from(((), (("a", 0.8), ("b", 0.2))))),
                for_accuracy=draw(st.booleans()), changes=draw(st.sampled_from((None, False, True))),
            )
            for _ in range(draw(numbers))
        ]  # fmt: skip
        neutral = [Neutral(ask(draw(st.sampled_from(((), ("a",), ("b", "c")))))) for _ in range(draw(numbers))]
        return Point(
            str(number), Task.GEN, "test", f"subject {number}", ask(labels),
            tuple(paraphrases), tuple(entailed), tuple(neutral),
        )  # fmt: skip

    points = [point(number) for number in range(draw(st.integers(1, most)))]
    said = st.sampled_from((*ANSWERS, "A.", "B ", ""))
    before, after = ({prompt: draw(said) for prompt in prompts} for _ in range(2))
    return points, before, after
