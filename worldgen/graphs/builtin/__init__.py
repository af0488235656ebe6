"""The built-in graph: shaped like Wikidata, drawn from a seed."""
