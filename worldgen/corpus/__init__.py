"""The corpus: sentences and documents about the world, as ids and as words."""
