"""Learned optimizers that are taught distributions over answers, not labels: the agent's beliefs after a request."""
