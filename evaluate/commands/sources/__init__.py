"""The commands of sources."""
