"""Belief graphs on the page: the tables of their statistics, and drawings of their parts."""
