"""Text files with every kind of odd line, for the readers of triples and names."""

from __future__ import annotations

from hypothesis import strategies as st

from worldgen.errors import UserError

CELL = st.sampled_from([b"", b"a", b"b", b"Q1", b'"', b'""', b'"a', b"\\", b" ", b"NA", b"null", b"#", b"\x00", b"\x1a",
                        b"\xef\xbb\xbf", "é".encode(), "\u2028\x85".encode(), "𝄞".encode(), b"x\ry"])  # fmt: skip
COLUMNS = st.sampled_from([3, 3, 3, 3, 3, 3, 1, 2, 4])
LINE = COLUMNS.flatmap(lambda n: st.lists(CELL, min_size=n, max_size=n).map(b"\t".join))
ODD_LINE = st.sampled_from(
    [b"", b"\r", b"\t\t", b"a\tr\tb\xff", b"a\tr\tb\rc\tq\td", b"\xed\xa0\x80\tr\tb", b"\xc3", b"\t\t\t"]
)
END = st.sampled_from([b"\n", b"\n", b"\n", b"\n", b"\r\n", b"\r\r\n", b"\n\n"])
TIDY = st.lists(CELL, min_size=3, max_size=3).map(b"\t".join)
FILES = st.builds(
    lambda mark, lines, cut: (mark + b"".join(line + end for line, end in lines))[: None if cut < 3 else -1],
    st.sampled_from([b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf" * 2, b"\xef"]),
    st.lists(st.tuples(st.one_of(TIDY, TIDY, LINE, LINE | ODD_LINE), END), max_size=12),
    st.integers(0, 4),
)


def outcome(action: object, *arguments: object) -> object:
    """Returns an action's result, or the message of the UserError that it raises."""
    try:
        return action(*arguments)  # type: ignore[operator]
    except UserError as error:
        return str(error)
