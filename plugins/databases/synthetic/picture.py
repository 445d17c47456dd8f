"""The pictures of a take: its person, drawn in every frame of its performance."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from abawbench_plugins.databases.synthetic.face import State, draw
from abawbench_plugins.databases.synthetic.performance import Performance
from abawbench_plugins.databases.synthetic.person import person
from abawbench_plugins.databases.synthetic.plan import Take
from abawbench_plugins.databases.synthetic.take import IMAGES


def pictures(take: Take, act: Performance, size: int, frames: Iterable[int] | None = None) -> list[NDArray[np.uint8]]:
    """Return frames of a take, uint8 RGB [size, size, 3] each: the face, and one camera and light throughout.

    All of them, unless ``frames`` says which.
    """
    rng = take.random(IMAGES)
    who = person(take.person)
    scale, noise = rng.uniform(0.94, 1.06), rng.uniform(1.5, 5.0)
    angle, strength = rng.uniform(-math.pi, math.pi), rng.uniform(0.05, 0.3)
    return [
        draw(
            who,
            State(
                au=act.au[t].astype(np.float32),
                gaze=(float(act.gaze[t]), float(0.3 * act.pitch[t])),
                blink=float(act.blink[t]),
                dx=float(0.05 * act.dx[t]),
                dy=float(0.05 * act.dy[t]),
                roll=float(12.0 * act.roll[t]),
                scale=float(scale),
                yaw=float(0.6 * act.yaw[t]),
                pitch=float(0.5 * act.pitch[t]),
                gain=float(1.0 + 0.2 * act.light[t]),
                light_angle=float(angle + 0.5 * act.light[t]),
                light_strength=float(strength),
                noise=float(noise),
            ),
            rng,
            size,
        )
        for t in (range(take.frames) if frames is None else frames)
    ]
