"""The world: what is true, what depends on what, and the exact probability of every object."""
