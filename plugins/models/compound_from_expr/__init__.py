"""Zero-shot compound expressions: the mean of two expressions' probabilities, from any expression model."""
