"""Ways to make one score of several, fitted to some tracks and applied to others.

In: scores of members per track, and labels. Out: a combination that JSON can hold. May import: score, request.
It is fitted to no track that it is judged on: whoever calls it cuts the folds.
"""
