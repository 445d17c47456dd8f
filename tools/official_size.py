"""Build a tree of the official size of Aff-Wild2's VA challenge: made-up annotations, and images by hard links.

``python tools/official_size.py OUT [--scale 0.1] [--images FOLDER]`` writes 2,993,081 rows of 594 tracks and 2,941,546
images in the official layout, or a share of every track. The images are the JPEG files below FOLDER, or those of the
small synthetic database. A few of them are copied, all others are hard links: the full tree takes about 12 GB of blocks
for folders and none for pixels, but three million entries of the file system.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from abawbench_plugins.databases.aff_wild2 import FRAME_NAME
from abawbench_plugins.databases.synthetic import labels_only
from abawbench_plugins.databases.synthetic.database import open_database

IMAGES = 2_941_546
"""In ``cropped_aligned``: abaw-protocols, section 2.2."""
LINKS = 60_000
"""Hard links to one file; ext4 allows 65,000."""
COPIES = 2_000
"""Images that are copied and linked to, where so many are given: as many as fit what a cache would hold anyway."""


def build(out: Path, images: Path | None, scale: float, seed: int = 0) -> tuple[int, int]:
    """Write the tree; return how many rows and images it has. Raises FileExistsError where OUT has something in it."""
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty; name a new folder")
    labels_only.write(out, seed, scale)
    root = out / "aff-wild2"
    lengths = dict(_lengths(root))
    total = sum(lengths.values())
    wanted = round(total * IMAGES / sum((*labels_only.ANNOTATED.values(), *labels_only.IGNORED.values())))
    pool = _copy(images or _synthetic(), out / "pool", wanted)
    rng = np.random.default_rng(seed)
    made, began = 0, time.monotonic()
    missing = rng.multinomial(total - wanted, np.array(list(lengths.values())) / total)
    for place, (name, length) in enumerate(lengths.items(), 1):
        folder = root / "cropped_aligned" / name
        folder.mkdir(parents=True)
        # faces are lost for a while, not frame by frame
        gap = min(int(missing[place - 1]), length)
        start = int(rng.integers(0, length - gap + 1))
        for number in (*range(1, start + 1), *range(start + gap + 1, length + 1)):
            os.link(pool[made % len(pool)], folder / FRAME_NAME.format(number))
            made += 1
        if place % 20 == 0 or place == len(lengths):
            rate = made / (time.monotonic() - began)
            print(f"\r{place}/{len(lengths)} tracks, {made:,} images, {rate:,.0f}/s", end="", file=sys.stderr)
    print(file=sys.stderr)
    return total, made


def _lengths(root: Path) -> Iterator[tuple[str, int]]:
    """Yield track and number of rows."""
    for path in sorted(root.glob("*_ABAW_Annotations/*/*/*.txt")):
        yield path.stem, path.read_bytes().count(b"\n") - 1
    counts: dict[str, int] = {}
    for template in root.glob("*_test_set_sample.txt"):
        for line in template.read_text().splitlines()[1:]:
            name = line.partition("/")[0]
            counts[name] = counts.get(name, 0) + 1
    yield from counts.items()


def _synthetic() -> Path:
    """Return the folder of the synthetic faces, made if they are not there."""
    database = open_database(preset="small")
    track = database.tracks("va", "train")[0].track
    name = next(entry[0] for entry in track.frame_files() if entry)
    return next(path.parents[1] for folder, _ in track.images.folders if (path := folder / Path(name).name).is_file())


def _copy(source: Path, pool: Path, wanted: int) -> list[Path]:
    found = sorted(path for path in source.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    if not found:
        raise FileNotFoundError(f"{source} holds no JPEG image")
    pool.mkdir()
    count = max(min(len(found), COPIES), 1)
    chosen = [found[at] for at in np.linspace(0, len(found) - 1, count).astype(int)]
    copies = -(-wanted // (LINKS * count))  # few images are copied more often, for one file has only so many links
    return [
        Path(shutil.copyfile(path, pool / f"{number:05d}-{copy}.jpg"))
        for copy in range(copies)
        for number, path in enumerate(chosen)
    ]


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--scale", type=float, default=1.0, help="share of every track's rows (default 1)")
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="JPEG files to link to")
    given = parser.parse_args()
    if not 0 < given.scale <= 1:
        parser.error("--scale is a share above 0 and at most 1")
    try:
        rows, images = build(given.out, given.images, given.scale)
    except OSError as error:
        sys.exit(f"official_size: {error}")
    print(f"{given.out / 'aff-wild2'}: {rows:,} rows, {images:,} images")


if __name__ == "__main__":
    main()
