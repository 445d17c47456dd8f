"""A tiny CREMA-D as it is distributed: Flash videos with sound, sounds, and the tables as R writes them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abawbench_plugins.databases._acted import split_of_actor
from abawbench_plugins.databases.crema_d import ACTED
from abawbench_plugins.databases.synthetic.media import flv, mp3, wav
from abawbench_plugins.databases.synthetic.picture import pictures
from abawbench_plugins.databases.synthetic.plan import PEOPLE_PER_DATABASE, Take
from abawbench_plugins.databases.synthetic.take import VOICE, act_of
from abawbench_plugins.databases.synthetic.voice import RATE, speak, voice_of

ACTORS = {"train": 3, "val": 2, "test": 1}
"""How many there are of each split."""
FRAMES = (8, 12)
"""Fewest and most frames of a clip, 25 a second."""
SIZE = (96, 128)
"""Height and width of the frames; the face stands in their middle."""
_SOUND_RATE = 22_050
_FIRST = 1001
_NUMBER = 8
_HEADER = '"","FileName","VoiceVote","VoiceLevel","FaceVote","FaceLevel","MultiModalVote","MultiModalLevel"\n'
_PEOPLE = '"ActorID","Age","Sex","Race","Ethnicity"\n'


def write(folder: Path, seed: int = 0) -> None:
    """Write one clip of each emotion of some actors into a folder: a first actor without video, the others with."""
    rows, people = [_HEADER], [_PEOPLE]
    for take in _takes(seed):
        actor, _, emotion, _ = take.name.split("_")
        silent = actor == str(_FIRST)
        for path, content in _media_of(take, silent):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        letter = ACTED[emotion][0]
        voice = "N:S" if emotion == "SAD" else letter  # a sad voice is often taken for a neutral one
        rows.append(f'"{len(rows)}","{take.name}","{voice}","60","{letter}","70.5","{letter}","80"\n')
        line = f'{actor},{20 + take.person % 50},"Female","Caucasian","Not Hispanic"\n'
        people += [] if line in people else [line]
    (folder / "processedResults").mkdir(parents=True, exist_ok=True)
    (folder / "processedResults" / "summaryTable.csv").write_text("".join(rows))
    (folder / "VideoDemographics.csv").write_text("".join(people))


def _takes(seed: int) -> Iterator[Take]:
    random = np.random.default_rng([seed, _NUMBER])
    left, index = dict(ACTORS), 0
    for actor in map(str, range(_FIRST, _FIRST + 91)):
        split = split_of_actor(actor)
        if not left[split]:
            continue
        left[split] -= 1
        for place, (code, emotion) in enumerate(ACTED.items()):
            name = f"{actor}_DFA_{code}_XX"
            person = _NUMBER * PEOPLE_PER_DATABASE + int(actor)
            frames = int(random.integers(FRAMES[0], FRAMES[1] + 1))
            yield Take("crema-d", split, index, place, name, name, 0, person, frames, 25, (emotion,), (), seed)
            index += 1


def _media_of(take: Take, silent: bool) -> Iterator[tuple[str, bytes]]:
    act = act_of(take)
    sound = _resample(speak(voice_of(take.person), act, take.frames, take.rate, take.random(VOICE)))
    yield f"AudioMP3/{take.name}.mp3", mp3(sound, _SOUND_RATE)
    if take.place % 2 == 0:
        yield f"AudioWAV/{take.name}.wav", wav(sound, _SOUND_RATE)
    if not silent:
        scenes = [_scene(picture) for picture in pictures(take, act, SIZE[0])]
        yield f"VideoFlash/{take.name}.flv", flv(scenes, take.rate, sound, _SOUND_RATE)


def _scene(face: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scene = np.full((*SIZE, 3), 90, dtype=np.uint8)
    left = (SIZE[1] - SIZE[0]) // 2
    scene[:, left : left + SIZE[0]] = face
    return scene


def _resample(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    at = np.arange(round(len(sound) / RATE * _SOUND_RATE)) * RATE / _SOUND_RATE
    return np.interp(at, np.arange(len(sound)), sound).astype(np.float32)
