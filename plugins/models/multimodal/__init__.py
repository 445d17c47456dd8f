"""Faces, voices and words: the official EMI baselines by parts and fused, with sound for every task that has any."""
