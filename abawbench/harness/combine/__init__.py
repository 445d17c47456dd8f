"""Several finished runs made one: combined out of fold, so that the value printed is one a test set can confirm.

In: run folders of the same tracks. Out: a run. May import: stored and below.
Nothing is fitted to a track that it is scored on; the in-sample value stands beside, to be distrusted.
"""
