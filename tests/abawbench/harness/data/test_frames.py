import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from abawbench.contracts import Clip
from abawbench.harness.data import feature_cache, frames
from abawbench.harness.data.feature_cache import trim
from abawbench.harness.data.frames import CachedImages, ImageRules, LiveImages, Where, digest_of, embed_images
from abawbench.nn import freeze
from abawbench.progress import Progress
from abawbench.system.cache import cache_folder

CLIP = Clip(length=5, stride=5, size=16)
CPU = torch.device("cpu")


def frozen(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return freeze(nn.Conv2d(3, 6, 3, stride=2))


@pytest.fixture
def tracks(toys, toy_database):
    return [one.track for one in toy_database.tracks("colour", "train")]


def read(embed, tracks, clip=CLIP):
    return embed_images(embed, tracks, ImageRules(clip), Where(CPU, Progress()))


def all_of(source, tracks):
    pairs = [(n, row) for n in range(len(tracks)) for row in range(source.images[n].count)]
    return source.gather(np.array(pairs))[0]


def entries() -> list[Path]:
    return sorted((cache_folder() / "features").glob("*/*.safetensors"))


def test_the_second_reading_comes_from_the_cache_bit_for_bit(tracks) -> None:
    first, second = read(frozen(), tracks), read(frozen(), tracks)
    assert isinstance(second, CachedImages)
    assert first.log.cached == 0
    assert second.log.cached == second.log.images == sum(int(t.exists.sum()) for t in tracks)
    assert torch.equal(all_of(first, tracks), all_of(second, tracks))


def test_features_asked_for_once_are_the_same_and_in_no_cache(tracks, monkeypatch: pytest.MonkeyPatch) -> None:
    once = Where(CPU, Progress(), once=True)
    held = all_of(embed_images(frozen(), tracks, ImageRules(CLIP), once), tracks)
    assert not entries()
    assert torch.equal(held, all_of(read(frozen(), tracks), tracks))
    for entry in entries():
        entry.unlink()
    monkeypatch.setattr(frames, "HELD", 1)
    assert torch.equal(held, all_of(embed_images(frozen(), tracks, ImageRules(CLIP), once), tracks))
    assert len(entries()) == len(tracks)


def test_a_partly_lost_cache_gives_the_same_bits(tracks) -> None:
    whole = all_of(read(frozen(), tracks), tracks)
    for entry in entries()[::2]:
        entry.unlink()
    assert torch.equal(all_of(read(frozen(), tracks), tracks), whole)


def test_other_weights_get_other_features_and_never_the_first_ones(tracks) -> None:
    one, other = all_of(read(frozen(0), tracks), tracks), all_of(read(frozen(1), tracks), tracks)
    assert not torch.equal(one, other)
    assert digest_of(frozen(0), CLIP) == digest_of(frozen(0), CLIP) != digest_of(frozen(1), CLIP)


class Halves(nn.Module):
    """Gives one or both halves of a convolution's channels: the same parameters, another answer."""

    def __init__(self, both: bool) -> None:
        super().__init__()
        self.convolution = frozen()
        self._both = both

    def forward(self, images):
        halves = self.convolution(images).chunk(2, dim=1)
        return halves if self._both else halves[:1]


def test_a_network_with_the_same_parameters_and_another_answer_gets_its_own_features(tracks) -> None:
    one, both = Halves(False), Halves(True)
    assert repr(one) == repr(both)
    assert digest_of(one, CLIP) != digest_of(both, CLIP)
    pairs = np.array([[0, 0]])
    assert len(read(one, tracks).gather(pairs)) == 1
    assert len(read(both, tracks).gather(pairs)) == 2


def test_other_preprocessing_gets_other_features(tracks) -> None:
    read(frozen(), tracks)
    assert read(frozen(), tracks, Clip(length=5, stride=5, size=16, mean=(0, 0, 0))).log.cached == 0


def test_a_changed_image_is_embedded_anew(tracks) -> None:
    read(frozen(), tracks)
    tracks[0].classes = (tracks[0].classes + 1) % 3
    again = read(frozen(), tracks)
    assert again.log.images - again.log.cached == tracks[0].exists.sum()


@pytest.mark.parametrize("damage", ["truncated", "foreign", "garbage"])
def test_a_damaged_entry_is_recomputed(tracks, damage: str) -> None:
    whole = all_of(read(frozen(), tracks), tracks)
    victim, other = entries()[:2]
    if damage == "truncated":
        victim.write_bytes(victim.read_bytes()[:-7])
    elif damage == "foreign":
        victim.write_bytes(other.read_bytes())
    else:
        victim.write_bytes(b"\xff" * 100)
    assert torch.equal(all_of(read(frozen(), tracks), tracks), whole)


def test_features_match_the_network_run_directly(tracks) -> None:
    embed, source = frozen(), read(frozen(), tracks)
    image = torch.from_numpy(tracks[2].frames(source.images[2].rows[:1])[0]).permute(0, 3, 1, 2)
    scaled = nn.functional.interpolate(image.float(), (16, 16)) / 255
    normalised = (scaled - torch.tensor(CLIP.mean).view(3, 1, 1)) / torch.tensor(CLIP.std).view(3, 1, 1)
    stored = source.gather(np.array([[2, 0]]))[0]
    torch.testing.assert_close(stored.float(), embed(normalised), rtol=2e-3, atol=2e-3)


def test_a_network_that_trains_sees_images(tracks) -> None:
    source = read(nn.Conv2d(3, 6, 3), tracks)
    assert isinstance(source, LiveImages)
    assert not entries()
    (images,) = source.gather(np.array([[0, 0], [1, 0]]))
    assert images.dtype == torch.uint8
    assert images.shape == (2, 3, 16, 16)


def test_features_larger_than_the_cache_are_made_when_needed(tracks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABAWBENCH_CACHE_LIMIT", "1000")
    assert isinstance(read(frozen(), tracks), LiveImages)


def test_features_larger_than_their_image_are_not_kept(tracks) -> None:
    assert isinstance(read(freeze(nn.Conv2d(3, 64, 1)), tracks), LiveImages)


def test_a_track_without_any_image_shows_black(tracks) -> None:
    tracks[1].exists[:] = False
    source = read(frozen(), tracks)
    assert source.images[1].count == 1
    black = (torch.zeros(1, 3, 16, 16) - torch.tensor(CLIP.mean).view(3, 1, 1)) / torch.tensor(CLIP.std).view(3, 1, 1)
    torch.testing.assert_close(source.gather(np.array([[1, 0]]))[0].float(), frozen()(black), rtol=2e-3, atol=2e-3)


def test_a_broken_image_is_counted_and_its_neighbour_shown(tracks, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(frozen(), tracks)
    victim = tracks[0]
    bad = int(whole.images[0].rows[3])
    original = victim.frames

    def frames(indices):
        images, mask = original(indices)
        return images, mask & (np.asarray(indices) != bad)

    monkeypatch.setattr(victim, "frames", frames)
    monkeypatch.setenv("ABAWBENCH_CACHE", str(cache_folder() / "other"))
    source = read(frozen(), tracks)
    assert source.log.broken == [f"{victim.id}/{bad}"]
    assert source.images[0].filled == whole.images[0].filled + 1
    assert bad not in source.images[0].rows
    again = read(frozen(), tracks)
    assert again.log.broken == source.log.broken


def test_trimming_deletes_the_longest_unused_first_and_keeps_what_is_needed(
    tracks, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(frozen(), tracks)
    files = entries()
    for age, file in enumerate(files):
        os.utime(file, (1000 - age, 1000 - age))
    monkeypatch.setenv("ABAWBENCH_CACHE_LIMIT", str(sum(f.stat().st_size for f in files) - 1))
    trim(cache_folder() / "features", keep={files[-1]})
    assert set(files) - set(entries()) == {files[-2]}


def test_flipped_bits_are_not_believed(tracks) -> None:
    whole = all_of(read(frozen(), tracks), tracks)
    for entry in entries():
        data = bytearray(entry.read_bytes())
        data[-3] ^= 0x20
        entry.write_bytes(data)
    again = read(frozen(), tracks)
    assert again.log.cached == 0
    assert torch.equal(all_of(again, tracks), whole)


def test_another_version_of_the_code_that_prepares_images_has_entries_of_its_own(
    tracks, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(frozen(), tracks)
    monkeypatch.setattr(feature_cache, "_preparing_code", lambda: "another version")
    assert read(frozen(), tracks).log.cached == 0


def test_it_is_said_why_features_of_many_images_are_not_kept(tracks, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    class Told(Progress):
        def note(self, text: str) -> None:
            said.append(text)

    monkeypatch.setattr(frames, "MANY", 10)
    for room in ("1000", "1e9"):
        monkeypatch.setenv("ABAWBENCH_CACHE_LIMIT", room)
        embed_images(frozen(), tracks, ImageRules(CLIP), Where(CPU, Told()))
    (sentence,) = said
    assert re.match(r"features of \d+ images would take .* GB as float16, and their cache may hold 1e-06 ", sentence)
    assert re.search(r"read anew each epoch: about 0 min at \d+ images/s", sentence)


def test_features_that_the_disk_has_no_room_for_are_not_kept(tracks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "free_bytes", lambda: 100)
    assert isinstance(read(frozen(), tracks), LiveImages)
