"""The experiments of implicit meta-learning, each in one file, and their stages."""
