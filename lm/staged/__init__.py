"""Training in stages on many short sequences, and exact answers in one pass."""
