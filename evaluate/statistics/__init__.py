"""Means with their intervals."""
