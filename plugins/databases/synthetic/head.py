"""Everything around the features of a drawn face: background, shoulders, skull, beard and hair."""

import numpy as np
from numpy.typing import NDArray

from abawbench_plugins.databases.synthetic.canvas import Canvas, Points, curve, darker, mix, oval
from abawbench_plugins.databases.synthetic.person import Person


def draw_background(image: NDArray[np.uint8], person: Person) -> None:
    """Paint a vertical gradient and one round thing; they stay where they are when the head moves."""
    size = image.shape[0]
    ramp = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
    top, bottom = np.array(person.background_top, np.float32), np.array(person.background_bottom, np.float32)
    image[:] = top + (bottom - top) * ramp
    x, y, radius = person.background_object
    Canvas(image).fill(oval(x, y, radius, radius), person.background_object_colour)


def draw_skull(canvas: Canvas, person: Person, jaw_drop: float) -> None:
    """Draw neck, shoulders, hair behind the head, ears and the head itself; `jaw_drop` in [0, 1] lowers the chin."""
    skin, wide = person.skin, person.width
    hair = darker(person.hair_colour, 0.15)
    if person.hair == "long":
        canvas.fill(_round_corners(wide + 0.16, -1.18, 1.25, 0.75), hair, -0.2)
    elif person.hair == "curly":
        for angle in np.linspace(0.85 * np.pi, 2.15 * np.pi, 11):
            canvas.fill(oval(np.cos(angle) * wide * 1.08, -0.35 + np.sin(angle) * 0.75, 0.24, 0.24), hair, -0.1)
    elif person.hair == "bun":
        canvas.fill(oval(0.0, -1.15, 0.34, 0.30), hair, -0.2)
    elif person.hair == "scarf":
        canvas.fill(_round_corners(wide + 0.17, -1.2, 1.35, 0.9), darker(person.clothes, 0.1), -0.2)
    shoulders = np.array([(-1.5, 1.7), (-1.2, 1.25), (-0.4, 1.05), (0.4, 1.05), (1.2, 1.25), (1.5, 1.7)])
    canvas.fill(shoulders, person.clothes, -0.3)
    neck = wide * 0.54
    canvas.fill(np.array([(-neck, 0.5), (neck, 0.5), (neck * 1.1, 1.2), (-neck * 1.1, 1.2)]), darker(skin, 0.22), -0.2)
    if person.hair != "scarf":
        for side in (-1.0, 1.0):
            canvas.fill(oval(side * (wide + 0.01), -0.02, person.ears, 0.19), darker(skin, 0.1), -0.1)
    outline = skull_outline(person, jaw_drop)
    canvas.fill(outline, skin)
    canvas.line(outline, darker(skin, 0.22), close=True)
    if person.beard > 0:
        _draw_beard(canvas, person, jaw_drop)


def draw_hair(canvas: Canvas, person: Person) -> None:
    """Draw the hair, or the scarf, that lies over the forehead."""
    if person.hair == "none":
        return
    wide, line, crown = person.width + 0.05, person.hairline, -1.16
    colour = person.clothes if person.hair == "scarf" else person.hair_colour
    around = np.linspace(0.03, 0.97, 13) * np.pi
    top = np.stack([wide * np.cos(around), -0.22 - (-0.22 - crown) * np.sin(around) ** 0.85], axis=1)
    edge_y = {"parted": -0.66, "fringe": -0.60, "scarf": -0.80}.get(person.hair, line)
    temple = person.width * 0.86
    if person.hair == "parted":
        edge = np.array(
            [
                (-wide, -0.25),
                (-temple, -0.45),
                (-0.30, line - 0.08),
                (0.1, line),
                (0.8 * temple, -0.58),
                (temple, -0.45),
            ]
        )
    elif person.hair == "fringe":
        cut = [(-0.3, edge_y), (0.0, edge_y + 0.03), (0.4, edge_y)]
        edge = np.array([(-wide, -0.2), (-temple, -0.5), *cut, (temple, -0.5)])
    else:
        cut = [(-0.45, edge_y + 0.04), (0.45, edge_y + 0.04)]
        edge = np.array([(-wide, -0.25), (-temple, -0.48), *cut, (temple, -0.48)])
    canvas.fill(np.concatenate([top, edge]), colour, 0.05)
    strand = curve((-0.5 * wide, -0.72), (0.0, crown + 0.14), (0.5 * wide, -0.86))
    canvas.line(strand, darker(colour, -0.25), 0.05)


def skull_outline(person: Person, jaw_drop: float) -> Points:
    """The outline of the head, float64 [40, 2]; `person.jaw` takes it from pointed to square."""
    angle = np.arange(40) * (2 * np.pi / 40)
    cosine, sine = np.cos(angle), np.sin(angle)
    below = np.maximum(sine, 0.0)
    squareness = 1.0 - (0.30 - 0.24 * person.jaw) * below**1.5
    x = person.width * np.sign(cosine) * np.abs(cosine) ** (0.9 - 0.25 * person.jaw * below) * squareness
    y = np.where(sine > 0, sine * (person.height + 0.15 * jaw_drop), sine * 1.08)
    return np.stack([x, y], axis=1)


def _draw_beard(canvas: Canvas, person: Person, jaw_drop: float) -> None:
    """Colour the lower edge of the face; the mouth is drawn over it later."""
    outline = skull_outline(person, jaw_drop)
    lower = outline[2:19]
    inner = curve((-person.width * 0.80, 0.30), (0.0, person.mouth_y - 0.06), (person.width * 0.80, 0.30))
    canvas.fill(np.concatenate([lower * 0.99, inner]), mix(person.skin, person.hair_colour, person.beard))


def _round_corners(wide: float, top: float, bottom: float, square: float) -> Points:
    """An outline that is round above and `square` below, float64 [40, 2]."""
    angle = np.arange(40) * (2 * np.pi / 40)
    cosine, sine = np.cos(angle), np.sin(angle)
    power = np.where(sine > 0, 1.0 - 0.7 * square, 1.0)
    x = wide * np.sign(cosine) * np.abs(cosine) ** power
    return np.stack([x, np.where(sine > 0, sine * bottom, -sine * top)], axis=1)
