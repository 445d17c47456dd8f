"""The official baselines on Aff-Wild2: ResNet-50 for valence-arousal, VGGFACE for expressions and action units."""
