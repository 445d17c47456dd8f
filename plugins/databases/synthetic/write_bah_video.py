"""BAH as the tenth and eleventh edition distributed it: videos, faces, transcripts and split lists with labels."""

from collections.abc import Iterator, Sequence

from abawbench_plugins.databases.synthetic.media import jpeg, mp4
from abawbench_plugins.databases.synthetic.picture import pictures
from abawbench_plugins.databases.synthetic.plan import Take
from abawbench_plugins.databases.synthetic.take import VOICE, WORDS, act_of, labels_of
from abawbench_plugins.databases.synthetic.transcript import say
from abawbench_plugins.databases.synthetic.voice import RATE, speak, voice_of

SHARED = {"split/train.txt": "", "split/val.txt": ""}
"""Files that all videos write to, and how they begin."""
_TEMPLATE = "submissions/trial-1.txt"
TEST = {_TEMPLATE: ""}
"""Those of the private test set."""


def video(takes: Sequence[Take]) -> Iterator[tuple[str, bytes]]:
    """Yield the files (path below ``bah-video``, content) of one video."""
    (take,) = takes
    act = act_of(take)
    frames = pictures(take, act, 112)
    for t, picture in enumerate(frames):
        yield f"cropped-aligned-faces/Videos/{take.name}/frame-{t}.jpg", jpeg(picture)
    sound = speak(voice_of(take.person), act, take.frames, take.rate, take.random(VOICE))
    yield f"Videos/{take.name}", mp4(frames, take.rate, sound, RATE)
    stem = take.name.rpartition("/")[2].removesuffix(".mp4")
    words = say(act, take.frames, take.random(WORDS))
    yield f"transcription/Videos/{take.name}/{stem}.yml", f'text: "{words}"\n'.encode()


def shared(take: Take) -> dict[str, str]:
    """Return what a video adds to the shared files: its line in the split list."""
    if take.split == "test":
        return {_TEMPLATE: f"Videos/{take.name},0\n"}
    act = act_of(take)
    (present,) = labels_of(take, act)["ah-video"]
    words = say(act, take.frames, take.random(WORDS))
    return {f"split/{take.split}.txt": f"Videos/{take.name},{present},{words}\n"}
