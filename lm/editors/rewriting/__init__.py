"""ROME and MEMIT, which rewrite MLPs' down-projections in closed form, as linear memories of keys and values."""
