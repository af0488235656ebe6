"""The built-in graph: it has the shape of Wikidata and is drawn from a seed."""
