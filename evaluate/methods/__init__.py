"""Editing methods by name, and what is done with them: located, tuned, traced."""
