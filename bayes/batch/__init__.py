"""Many queries to the agent at once, each after edits of its own."""
