"""The testbed: cases, their questions, the agent's answers to them, metrics and scores."""
