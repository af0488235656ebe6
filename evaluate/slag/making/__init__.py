"""The points of a world: questions whose labels the world and the agent give exactly."""
