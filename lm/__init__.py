"""The language model: from text to ids, pretraining, editing, and the questions that it is asked."""
