"""Graphs that are read from files: Wikidata5m, TSV files, and Wikidata's own dumps."""
