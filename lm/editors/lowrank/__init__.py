"""Low-rank adapters of many editions at once, and LoRA, which trains them."""
