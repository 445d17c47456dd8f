"""BAH as the tenth and eleventh edition distributed it: videos, faces, transcripts and split lists with labels."""

from collections.abc import Iterator, Sequence

from abawbench_plugins.databases.synthetic.answer import media_of, transcript_of, words_of
from abawbench_plugins.databases.synthetic.plan import Take
from abawbench_plugins.databases.synthetic.take import act_of, labels_of

SHARED = {"split/train.txt": "", "split/val.txt": ""}
"""Files that all videos write to, and how they begin."""
_TEMPLATE = "submissions/trial-1.txt"
TEST = {_TEMPLATE: ""}
"""Those of the private test set."""


def write_video(takes: Sequence[Take]) -> Iterator[tuple[str, bytes]]:
    """Yield the files (path below ``bah-video``, content) of one video."""
    (take,) = takes
    yield from media_of(take, "cropped-aligned-faces/Videos", "Videos")
    yield transcript_of(take, "transcription/Videos", f'text: "{words_of(take)}"\n')


def write_shared(take: Take) -> dict[str, str]:
    """Return what a video adds to the shared files: its line in the split list."""
    if take.split == "test":
        return {_TEMPLATE: f"Videos/{take.name},0\n"}
    (present,) = labels_of(take, act_of(take))["ah-video"]
    return {f"split/{take.split}.txt": f"Videos/{take.name},{present},{words_of(take)}\n"}
