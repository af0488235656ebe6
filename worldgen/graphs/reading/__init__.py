"""Graphs out of files: Wikidata5m, TSV, and Wikidata's own dumps."""
