"""Fine-tuning on requests: of every weight matrix, or of MLPs; many editions at once, each with weights of its own."""
