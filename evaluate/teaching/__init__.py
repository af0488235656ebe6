"""The targets of `belief`: the agent's credences around a request, drawn anew at every step."""
