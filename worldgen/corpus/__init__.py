"""The corpus: noisy sentences and documents about the world, as ids and as text."""
