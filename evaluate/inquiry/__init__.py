"""Questions of people: to the agent, about the world."""
