"""Questions to a run: the agent's beliefs, the reasons for them, and the world at a glance."""
