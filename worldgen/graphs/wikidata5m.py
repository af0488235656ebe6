"""The names of Wikidata5m's two archives, as its authors publish them."""

from __future__ import annotations

from typing import Final

TRIPLE_ARCHIVE: Final = "wikidata5m_transductive.tar.gz"
ALIAS_ARCHIVE: Final = "wikidata5m_alias.tar.gz"
