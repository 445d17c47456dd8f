"""DDAMFN, the network of AIWELL-UOC's entry (arXiv 2503.12260), with an LSTM; and the same beside CLIP."""
