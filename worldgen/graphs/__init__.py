"""Knowledge graphs: where facts come from, which are selected, and what their entities are called."""
