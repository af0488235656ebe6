"""The agent that learns what variables stand for, from answered questions and from definitions."""
