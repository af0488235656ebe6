"""worldgen.lm.encode: tokens put together from fragments equal the tokens of the documents' text."""

from typing import get_args

import numpy as np
import pytest
import source_worlds
import worlds

from worldgen.corpus.recipe import make_shard
from worldgen.corpus.sentences import Kind
from worldgen.corpus.wording import Wording
from worldgen.evaluate.runs.resources import tokenizer_for
from worldgen.grammar import Place
from worldgen.lm.encode import Encoder, encode_documents, spell_fragments, write_tokens
from worldgen.lm.tokenizer import encode, load_mistral_tokenizer, train_word_tokenizer
from worldgen.settings import CorpusConfig
from worldgen.storage.engines import Local
from worldgen.storage.stores import LocalFolder


@pytest.fixture(params=["words", "mistral"])
def tokenizer(request):
    world = worlds.world()
    if request.param == "mistral":
        return load_mistral_tokenizer()
    return train_word_tokenizer([*world.relations.labels, *world.objects.labels, *world.subjects.labels])


def text_tokens(tokenizer, wording, shard):
    """The token ids of the documents' texts, each between the tokens of beginning and end."""
    sentences, documents = wording.texts(shard.sentences), shard.documents
    texts = [
        " ".join(sentences[i] for i in documents.sentence[begin:end])
        for begin, end in zip(documents.start[:-1], documents.start[1:], strict=True)
    ]
    return [id_ for ids in encode(tokenizer, texts) for id_ in (tokenizer.bos_token_id, *ids, tokenizer.eos_token_id)]


def test_documents_are_their_text_between_begin_and_end(tokenizer):
    wording, shard = Wording(worlds.world()), worlds.corpus()
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    tokens = encode_documents(wording, spell_fragments(wording, tokenizer), shard, bos, eos)
    assert tokens.dtype == np.uint16
    assert tokens.tolist() == text_tokens(tokenizer, wording, shard)


@pytest.mark.parametrize("kind", ["words", "mistral"])
def test_documents_with_aliases_are_their_text_too(kind):
    world = worlds.speaking()
    names = [name for role in (world.relations, world.objects, world.subjects) for name in role.every_name]
    tokenizer = load_mistral_tokenizer() if kind == "mistral" else train_word_tokenizer(names)
    wording, shard = Wording(world), make_shard(world, CorpusConfig(shuffles=2), 0, 0, 20)
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    tokens = encode_documents(wording, spell_fragments(wording, tokenizer), shard, bos, eos)
    assert tokens.tolist() == text_tokens(tokenizer, wording, shard)
    assert tokenizer.unk_token_id not in tokens


@pytest.mark.parametrize("place", get_args(Place))
def test_documents_with_tags_are_their_text_too_and_a_tag_is_one_token(place):
    world = source_worlds.reported(source_worlds.EVERYTHING.model_copy(update={"place": place}))
    tokenizer = tokenizer_for(worlds.config(), world)
    wording, shard = Wording(world), make_shard(world, CorpusConfig(shuffles=2), 0, 0, 20)
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    tokens = encode_documents(wording, spell_fragments(wording, tokenizer), shard, bos, eos)
    assert tokens.tolist() == text_tokens(tokenizer, wording, shard)
    assert tokenizer.unk_token_id not in tokens
    tags = [id_ for (id_,) in encode(tokenizer, world.sources.tags.labels)]
    plain = tokenizer_for(worlds.config(), worlds.world())
    assert tags == list(range(len(plain), len(plain) + 8))  # after all other words, which keep their ids
    sentences = shard.sentences.where(shard.documents.sentence)
    assert np.isin(tokens, tags).sum() == (sentences.kind == Kind.REPORT).sum() > 100
    report = wording.texts(sentences.where(sentences.kind == Kind.REPORT))[0]
    assert tokenizer.decode(encode(tokenizer, [report])[0]) == report


def test_files_hold_whole_documents(tokenizer, tmp_path):
    wording, shard = Wording(worlds.world()), worlds.corpus()
    encoder = Encoder.of(wording.world, tokenizer)
    counted = write_tokens(encoder, [shard], LocalFolder(tmp_path), Local())
    tokens = np.load(tmp_path / "train-00000.npy", allow_pickle=False)
    assert counted == {"tokens": len(tokens), "documents": len(shard.documents), "vocabulary": len(tokenizer)}
    assert (tokens == tokenizer.bos_token_id).sum() == (tokens == tokenizer.eos_token_id).sum() == len(shard.documents)
