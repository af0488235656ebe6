"""Points as what a learned optimizer is trained on."""
