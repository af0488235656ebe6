"""The agent that learns which integer a variable stands for."""
