"""What can be had without looking: a constant, draws from the training labels, and draws from nothing."""
