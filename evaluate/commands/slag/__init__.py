"""Commands of SLAG that have a file of their own."""
