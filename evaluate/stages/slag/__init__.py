"""The stages of SLAG."""
