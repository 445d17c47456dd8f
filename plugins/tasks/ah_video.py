"""Ambivalence/hesitancy recognition on BAH, the video-level task of ABAW10 and 11."""

from abawbench.contracts import Task


def task() -> Task:
    """Return the task under the protocol of ABAW10, which ABAW11 kept.

    ABAW8 scores frames by weighted F1 instead: the task ``ah``. Beside macro F1 stands the organisers' own average
    precision. Trained as if every clip of a video showed what its label says; a video's scores are the mean of them.
    Submissions are scored on a private test set; its file has no header and one row per video,
    ``Videos/<pid>/<visit>/<video>.mp4,<p0>,<p1>,<label>``, with p0 written as 1 - p1 (abaw-protocols, section 5.4).
    """
    return Task(
        level="track",
        kind="multiclass",
        outputs=("absent", "present"),
        metric="macro-f1-ap",
        database="bah-video",
        label="ah-video",
        edition=10,
        activation="softmax",
        loss="abawbench.losses:focal_cross_entropy",
        submission="abawbench_plugins.tasks.submissions:bah_videos",
    )
