"""A stored run on videos that are in no database: decoded, faces found and followed, cropped, predicted, written.

In: video files and a run. Out: scores per person and frame with their times. May import: stored and below.
No frame is lost: one without a face of a person is filled by the run's own rule, and says so.
"""
