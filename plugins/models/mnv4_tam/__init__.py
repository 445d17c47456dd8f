"""MobileNetV4 with temporal MLP mixers: "Lightweight Models for Emotional Analysis in Video" (arXiv 2503.10530)."""
