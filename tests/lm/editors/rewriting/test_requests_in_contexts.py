"""requests_in_contexts: the edited token is the subject's or the relation's last, and requests share places."""

from __future__ import annotations

import pytest
import torch
from rewritten_facts import ADA, ADAS_JOB, BOB

from worldgen.lm.editions import Request
from worldgen.lm.editors.rewriting.requests_in_contexts import requests_in_contexts
from worldgen.lm.editors.rewriting.weight_update import RewriteSite
from worldgen.lm.tokenizer import encode, load_mistral_tokenizer


def test_requests_about_one_subject_share_its_place(model, tokenizer, site_of):
    place = site_of("subject", [0])
    requests = requests_in_contexts(tokenizer, [ADA, BOB, ADAS_JOB], place, model.device)
    assert requests.places == 2
    assert requests.place_of_row.tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0]
    ids, last = requests.batch.input_ids, [encode(tokenizer, [r.subject])[0][-1] for r in (ADA, BOB, ADAS_JOB)]
    assert requests.at_places(ids).tolist() == [last[0]] * 3 + [last[1]] * 3 + [last[2]] * 3
    prompts = requests_in_contexts(tokenizer, [ADA, BOB, ADAS_JOB], RewriteSite("relation", 0, {}), model.device)
    assert prompts.places == 3
    assert prompts.at_places(prompts.batch.input_ids).tolist() == [
        encode(tokenizer, [r.prompt])[0][-1] for r in (ADA, BOB, ADAS_JOB)
    ]
    with pytest.raises(AssertionError, match="does not begin with its subject"):
        requests_in_contexts(tokenizer, [Request("bob job", "baker.", subject="ada")], place, model.device)


def test_mistrals_tokenizer_finds_the_place_too():
    tokenizer = load_mistral_tokenizer()
    request = Request("Enid Steineau educated at", "Benbourne Law School.", subject="Enid Steineau")
    place = RewriteSite("subject", 0, {}, ("", "Knut Monic citizenship Koristan."))
    requests = requests_in_contexts(tokenizer, [request], place, torch.device("cpu"))
    ids = requests.batch.input_ids
    for row, column in enumerate(requests.columns.tolist()):
        assert tokenizer.decode(ids[row, 1 : column + 1].tolist()).endswith("Enid Steineau")
    assert requests.columns[0] == len(encode(tokenizer, ["Enid Steineau"])[0])
