"""The stages of the bench of sources."""
