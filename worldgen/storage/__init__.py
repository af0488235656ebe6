"""Files, manifests, stores and engines: how things are written, and where. Knows no world."""
