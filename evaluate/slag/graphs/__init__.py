"""Belief graphs: which beliefs change when one is flipped, of the model and of the rational agent."""
