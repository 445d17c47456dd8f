"""What happens in a run, in the order it happens: plan, data, features, training, inference, scoring, cost, run."""
