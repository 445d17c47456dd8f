"""EmotiEffNet: EfficientNet-B0 trained on AffectNet, with a small head per task (Savchenko, EmotiEffLib)."""
