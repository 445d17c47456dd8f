"""A voice by the encoder of Resemblyzer, which learned to tell speakers apart, and a linear head."""
