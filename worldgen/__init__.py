"""The world: facts, the graph they come from, the exact probabilities, the language and the corpus."""
