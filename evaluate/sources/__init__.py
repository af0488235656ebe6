"""Sources: does a model, or a method that edits it, trust whom a rational mind would trust?"""
