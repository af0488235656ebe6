"""The language model: text to ids, pretraining, editing, and the one door through which it is asked."""
