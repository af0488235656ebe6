"""The corpus as text for other programs, with its dataset card."""
