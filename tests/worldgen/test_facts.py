"""Names to ids and ids to names, and the errors for unknown names."""

from dataclasses import replace

import pytest

from worldgen.errors import UnknownNameError, UserError
from worldgen.facts import Fact, Vocabulary

TOWNS = Vocabulary(
    "object", ("London", "Paris", "Q1"), ("Q84", "Q90", "Q5"), (("Q90",), ("Lutetia", "London"), ("Lutetia",))
)


def test_a_label_wins_over_an_id_and_an_id_over_an_alias() -> None:
    assert TOWNS.id_of("London") == 0
    assert TOWNS.id_of("Q90") == 1
    assert TOWNS.id_of("Lutetia") == 1  # the earlier of two
    assert TOWNS.id_of("Q1") == 2


def test_labels_by_id() -> None:
    assert len(TOWNS) == 3
    assert [TOWNS[i] for i in range(3)] == list(TOWNS.labels)


def test_take_gives_new_ids() -> None:
    taken = TOWNS.take([2, 0])
    assert taken.labels == ("Q1", "London")
    assert taken.source_ids == ("Q5", "Q84")
    assert taken.aliases == (("Lutetia",), ("Q90",))
    assert taken.id_of("London") == 1
    assert Vocabulary("subject", ("a", "b")).take([1]) == Vocabulary("subject", ("b",))


def test_spoken_names_follow_the_label_and_are_known() -> None:
    towns = replace(TOWNS, spoken=(("Q5", "Londinium"), (), ("Five",)))
    assert towns.names(0) == ("London", "Q5", "Londinium")
    assert towns.every_name == ("London", "Q5", "Londinium", "Paris", "Q1", "Five")
    assert towns.first_name.tolist() == [0, 3, 4, 6]
    assert [towns.id_of(name) for name in towns.every_name] == [0, 0, 0, 1, 2, 2]  # before source ids
    assert towns.take([2, 1]).spoken == (("Five",), ())
    assert (TOWNS.names(0), TOWNS.every_name) == (("London",), TOWNS.labels)
    assert TOWNS.first_name.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("name", "hint"), [("Lodnon", "did you mean 'London'?"), ("xyzzy", "no name is near it")])
def test_an_unknown_name_offers_near_ones(name: str, hint: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown object '{name}'") as raised:
        TOWNS.id_of(name)
    assert hint in str(raised.value)
    assert isinstance(raised.value, UserError)
    assert "\n" not in str(raised.value)


def test_a_fact_is_its_three_ids() -> None:
    assert Fact(1, 2, 3) == (1, 2, 3)
    assert Fact(1, 2, 3).object == 3
