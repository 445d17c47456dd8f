"""From files to batches: images, sound, text and features as sequences, embedded once and cached, cut into clips.

In: tracks and a network's frozen part. Out: ``Inputs`` and batches of clips. May import: request and below.
Bits depend on batch sizes here: change none of them without a reason in the commit.
"""
