"""What `belief` teaches: the agent's credences around a request, drawn anew at every step."""
