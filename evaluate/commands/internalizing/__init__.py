"""The command of implicit meta-learning."""
