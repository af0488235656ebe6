"""Many questions to the agent at once, each under edits of its own."""
