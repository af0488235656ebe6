"""Vocabularies are written as one table and read back from it."""

from __future__ import annotations

from pathlib import Path

from worldgen.facts import Vocabulary
from worldgen.graphs.vocabularies import names_table, vocabulary
from worldgen.storage.files import read_columns, write_table


def test_each_kind_is_read_back_from_one_table(tmp_path: Path) -> None:
    subjects = Vocabulary("subject", ("Ada", "\u05d0"), ("Q1", "Q2"), (("A.", "Lady Ada"), ()))
    objects = Vocabulary("object", ("Ada",), ("Q1",), ((),))
    nobody = Vocabulary("relation", (), (), ())
    write_table(tmp_path / "names.parquet", names_table(subjects, objects, nobody))
    columns = read_columns(tmp_path / "names.parquet")
    for names in (subjects, objects, nobody):
        assert vocabulary(names.kind, columns) == names
