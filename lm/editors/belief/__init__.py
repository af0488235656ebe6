"""`belief`: low-rank adapters are trained towards the rational agent's credences."""
