"""SLAG: beliefs detected (paraphrase, entailment, contrapositive) and updated, for every method and any causal model.

Source: "Do Language Models Have Beliefs?" (Hase et al., 2021), moved into a world whose labels are exact.
"""
