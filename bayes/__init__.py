"""The rational agent: what a mind that saw the corpus should believe, before and after an edit."""
