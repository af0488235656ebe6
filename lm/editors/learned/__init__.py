"""Learned optimizers: a network that reads a request and says how the weights change; how it is trained and applied."""
