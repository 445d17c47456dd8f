"""Regnet-ViT: a video transformer over RegNet features (Vu, Huynh, Nguyen, Kim; arXiv 2303.09917)."""
