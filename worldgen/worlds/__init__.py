"""The world: what is true in it, how probable every object is, and how a world is made from a knowledge graph."""
