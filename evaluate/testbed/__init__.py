"""The testbed's benchmark: cases, questions, exact labels, metrics and scores."""
