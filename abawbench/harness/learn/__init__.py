"""Training, prediction and what is done to scores before they become decisions.

In: a network or a predictor, inputs, labels of the tracks to fit. Out: scores for tracks without labels.
May import: data, score and below. The scored split never enters training.
"""
