"""Updates of points as blocks that are asked and measured."""
