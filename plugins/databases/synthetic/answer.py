"""What both packages of BAH hold of one video: face images, the video itself and its transcript."""

from collections.abc import Iterator

from abawbench_plugins.databases.synthetic.media import jpeg, mp4
from abawbench_plugins.databases.synthetic.picture import pictures
from abawbench_plugins.databases.synthetic.plan import Take
from abawbench_plugins.databases.synthetic.take import VOICE, WORDS, act_of
from abawbench_plugins.databases.synthetic.transcript import say
from abawbench_plugins.databases.synthetic.voice import RATE, speak, voice_of


def words_of(take: Take) -> str:
    """Return what is said."""
    return say(act_of(take), take.frames, take.random(WORDS))


def media_of(take: Take, faces: str, videos: str) -> Iterator[tuple[str, bytes]]:
    """Yield the face images and the video (path, content), below the folders that a package has for them."""
    act = act_of(take)
    frames = pictures(take, act, 112)
    for t, picture in enumerate(frames):
        yield f"{faces}/{take.name}/frame-{t}.jpg", jpeg(picture)
    sound = speak(voice_of(take.person), act, take.frames, take.rate, take.random(VOICE))
    yield f"{videos}/{take.name}", mp4(frames, take.rate, sound, RATE)


def transcript_of(take: Take, folder: str, text: str) -> tuple[str, bytes]:
    """Return the transcript (path, content) with this text, below the folder that a package has for it."""
    stem = take.name.rpartition("/")[2].removesuffix(".mp4")
    return f"{folder}/{take.name}/{stem}.yml", text.encode()
