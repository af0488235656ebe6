"""Knowledge graphs: their sources, the selection of facts, and the labels of entities and relations."""
