"""ROME and MEMIT: an MLP's down-projection is a linear memory that is rewritten in closed form."""
