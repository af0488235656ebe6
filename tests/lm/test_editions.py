"""editions: a request as the corpus would say it."""

from __future__ import annotations

from worldgen.lm.editions import Request


def test_a_request_is_one_sentence_with_one_full_stop():
    assert Request("ada born in", "paris.").sentence == "ada born in paris."
    assert Request("ada born in", "paris").sentence == "ada born in paris."
