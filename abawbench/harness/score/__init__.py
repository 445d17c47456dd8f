"""The official value of predictions, of a run or of anybody's file.

In: scores or decisions per track, and labels. Out: value, interval, parts, floor. May import: data, request and below.
Every number here is checked against an independent reference; see tests/plugins/metrics.
"""
