"""The sprites of Toy-STA: figures and their things, drawn once per process and blitted with opacity.

Everything is drawn four times too large and shrunk, so that edges are smooth. Lengths are pixels of the 192 x
192 frame before scaling; the origin of a figure is the middle of its body.
"""

from functools import cache
from math import cos, pi, sin
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

# Okabe and Ito's hues, which colour-blind readers can distinguish, a little fresher.
PAINT = {"red": (222, 52, 40), "blue": (30, 104, 210), "green": (10, 160, 110), "yellow": (250, 212, 40)}
ASLEEP = "asleep"  # the colour of a figure that does nothing
PAINT[ASLEEP] = (224, 222, 226)
INK, WHITE, CHEEK = (46, 42, 62), (255, 255, 255), (255, 150, 150)
PHASES, TURNS = 8, 16  # pictures in one animation cycle; pictures in one full turn of a spin
FEET = 37  # from the middle of the body down to the ground, before scaling
HEAD = {"circle": -23, "square": -21, "triangle": -22, "star": -22}  # where a hat sits
HOP = 0.75  # seconds one jump takes


class Sprite(NamedTuple):
    """A picture ready for blitting: colour times opacity, what it leaves of the frame, the offset."""

    colour: np.ndarray  # (h, w, 3) uint16
    rest: np.ndarray  # (h, w, 3) uint16, in 256ths
    dx: int
    dy: int


class Pen:
    """Draws anti-aliased outlined shapes around an origin and gives them as a sprite."""

    def __init__(self, reach: int, scale: float, over: int = 4):
        self.reach, self.scale, self.over = int(reach * scale) + 2, scale * over, over
        side = 2 * self.reach * over
        self.image = Image.new("RGBA", (side, side))
        self.draw = ImageDraw.Draw(self.image)

    def _points(self, points) -> list[tuple[float, float]]:
        middle = self.reach * self.over
        return [(middle + x * self.scale, middle + y * self.scale) for x, y in points]

    def line(self, points, width: float, colour) -> None:
        self.draw.line(self._points(points), colour, max(1, round(width * self.scale)), "curve")
        for x, y in (points[0], points[-1]):  # round ends
            self.oval(x, y, width / 2, width / 2, colour, 0)

    def oval(self, x: float, y: float, rx: float, ry: float, colour, ink: float = 1.6) -> None:
        (left, top), (right, bottom) = self._points([(x - rx - ink, y - ry - ink), (x + rx + ink, y + ry + ink)])
        if ink:
            self.draw.ellipse((left, top, right, bottom), INK)
        inset = ink * self.scale
        self.draw.ellipse((left + inset, top + inset, right - inset, bottom - inset), colour)

    def shape(self, points, colour, rounding: float = 2, ink: float = 1.6) -> None:
        """A polygon with rounded corners; the rounding grows outwards, the outline around it."""
        loop = [*points, points[0]]
        for width, paint in ((2 * (rounding + ink), INK), (2 * rounding, colour)):
            if width:
                self.line(loop, width, paint)
                for x, y in points:
                    self.oval(x, y, width / 2, width / 2, paint, 0)
            self.draw.polygon(self._points(points), paint)

    def arc(self, x: float, y: float, rx: float, ry: float, start: float, end: float, width: float, colour) -> None:
        (left, top), (right, bottom) = self._points([(x - rx, y - ry), (x + rx, y + ry)])
        self.draw.arc((left, top, right, bottom), start, end, colour, max(1, round(width * self.scale)))

    def sprite(self, mirror: bool = False, turn: float = 0) -> Sprite:
        image = self.image.rotate(turn, Image.Resampling.BILINEAR) if turn else self.image
        small = image.convert("RGBa").reduce(self.over)  # RGBa: colour times opacity, so edges do not darken
        pixels = np.asarray(small)[:, ::-1] if mirror else np.asarray(small)
        ys, xs = np.nonzero(pixels[..., 3])
        y, x = ys.min(), xs.min()
        pixels = pixels[y : ys.max() + 1, x : xs.max() + 1].astype(np.uint16)
        opacity = (pixels[..., 3:].astype(np.uint32) * 256 + 127) // 255
        rest = np.repeat(256 - opacity, 3, axis=2).astype(np.uint16)
        return Sprite(pixels[..., :3].copy(), rest, int(x) - self.reach, int(y) - self.reach)


def blit(frame: np.ndarray, sprite: Sprite, x: float, y: float) -> None:
    """Lay a sprite over `frame` (h, w, 3) uint8 in place, its origin at pixel (x, y), cut at the edge."""
    left, top = round(x) + sprite.dx, round(y) + sprite.dy
    h, w = sprite.rest.shape[:2]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + w, frame.shape[1]), min(top + h, frame.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    under = frame[y0:y1, x0:x1]
    mixed = under * sprite.rest[part]  # at most 255 * 256, which uint16 holds
    mixed >>= 8
    mixed += sprite.colour[part]
    under[:] = mixed


def _ring(count: int, radii: tuple[float, ...], down: float = 0) -> list[tuple[float, float]]:
    angles = [2 * pi * i / count - pi / 2 for i in range(count)]
    return [(radii[i % len(radii)] * cos(a), radii[i % len(radii)] * sin(a) + down) for i, a in enumerate(angles)]


OUTLINES = {"triangle": [(0, -22), (23, 17), (-23, 17)], "star": _ring(10, (28, 14.5), 2)}
OUTLINES["square"] = [(-19, -19), (19, -19), (19, 19), (-19, 19)]


@cache
def body(colour: str, shape: str, step: int, blink: bool, mirror: bool, turn: int, scale: float) -> Sprite:
    """A figure: legs at picture `step` of the walk, body, face; `turn` sixteenths of a full turn."""
    pen, paint = Pen(44, scale), PAINT[colour]
    for side in (-1, 1):
        swing = sin(2 * pi * step / PHASES + (0 if side > 0 else pi))
        foot = (side * 9 + 4 * swing, FEET - 4 - 4 * max(0.0, cos(2 * pi * step / PHASES + (side < 0) * pi)))
        pen.line([(side * 8, 14), foot], 4, INK)
        pen.oval(foot[0] + 2, foot[1] + 1, 6, 3.4, INK, 0)
    if shape == "circle":
        pen.oval(0, 0, 24.5, 24.5, paint)
    else:
        pen.shape(OUTLINES[shape], paint, rounding=4 if shape != "star" else 3)
    down = {"triangle": 7, "star": 3}.get(shape, -2)
    apart = {"triangle": 6.5, "star": 6.5}.get(shape, 8.5)
    for side in (-1, 1):
        x = side * apart + 1.5
        if blink:
            pen.line([(x - 4, down), (x + 4, down)], 2, INK)
        else:
            pen.oval(x, down, 5, 6, WHITE, 1.2)
            pen.oval(x + 1.6, down + 0.6, 2.7, 3.4, INK, 0)
        pen.oval(side * (apart + 5) + 1, down + 8, 2.6, 1.8, CHEEK, 0)
    pen.arc(1.5, down + 6, 4.5, 4.5, 20, 160, 1.8, INK)
    return pen.sprite(mirror, turn * 360 / TURNS)


def _glove(pen: Pen, shoulder, hand) -> None:
    pen.line([shoulder, hand], 3.2, INK)
    pen.oval(*hand, 4.2, 4.2, WHITE)


def _flag(pen: Pen, wave: float) -> None:
    pen.line([(26, 26), (26, -66)], 3.6, INK)
    top = [(25 - 5 * i, -64 + 2.8 * sin(wave + i * 0.8) * i / 8) for i in range(9)]  # flies over the head
    for low, high, paint in ((0, 28, (140, 62, 200)), (10, 18, WHITE)):
        points = [(x, y + low) for x, y in top] + [(x, y + high) for x, y in reversed(top)]
        pen.shape(points, paint, 0, 1.6 if paint != WHITE else 0)
    _glove(pen, (20, 6), (26, 8))


def _hat(pen: Pen, wave: float) -> None:
    tip = 1.2 * sin(wave)
    pen.shape([(-15, -4), (15, -4), (17 + tip, -31), (-17 + tip, -31)], (62, 56, 78), 1.5)
    pen.shape([(-15.5, -6), (15.5, -6), (16 + tip / 2, -13), (-16 + tip / 2, -13)], (255, 120, 190), 0, 0)
    pen.oval(0, -2, 27, 4.2, (62, 56, 78))


def _umbrella(pen: Pen, wave: float) -> None:
    lean = 1.5 * sin(wave)
    pen.line([(26, 14), (12 + lean, -58)], 3.2, INK)
    centre, base, pink = 6 + lean, -34, (250, 110, 180)
    edge = [(centre - 42 * cos(pi * i / 12), base - 28 * sin(pi * i / 12)) for i in range(13)]
    scallops = [(centre + 42 - 7 * i, base + (3 if i % 2 else 0)) for i in range(1, 12)]
    pen.shape(edge + scallops, pink, 1)
    for panel in (-1, 1):  # two white panels, so that it is no plain roof
        top = (centre + 3 * panel, base - 28)
        pen.shape(
            [top, (centre + 12 * panel, base), (centre + 27 * panel, base), (centre + 16 * panel, base - 25)],
            WHITE,
            0,
            0,
        )
    pen.line([(centre, base - 28), (centre, base - 33)], 3, INK)
    _glove(pen, (20, 6), (25.5, 9))


def _balloon(pen: Pen, wave: float) -> None:
    x = 24 + 3 * sin(wave)
    pen.line([(27, 8), (27 + sin(wave), -12), (x, -28)], 1.6, INK)
    pen.shape([(x - 3, -26), (x + 3, -26), (x, -31)], (255, 138, 30), 0.5)
    pen.oval(x, -49, 17.5, 20, (255, 138, 30))
    pen.oval(x - 6, -55, 3.6, 5.5, (255, 214, 160), 0)
    _glove(pen, (20, 6), (27, 8))


def _book(pen: Pen, wave: float) -> None:
    pen.shape([(-25, 10), (25, 10), (25, 33), (-25, 33)], (70, 64, 86), 1.5)
    for side in (-1, 1):
        page = [(0, 11), (side * 12, 8), (side * 23, 10), (side * 23, 30), (side * 12, 28), (0, 31)]
        pen.shape(page, (255, 252, 240), 0.5, 1.2)
        for row in range(3):
            pen.line([(side * 5, 16 + 4.5 * row), (side * 19, 15 + 4.5 * row)], 1.4, (150, 146, 160))
    if sin(wave) > 0.6:  # a page on its way over
        pen.shape([(0, 11), (10 * cos(wave), 0), (10 * cos(wave), 21), (0, 31)], (255, 252, 240), 0.5, 1.2)
    for side in (-1, 1):
        pen.oval(side * 26, 23, 4.2, 4.2, WHITE)


def _drum(pen: Pen, wave: float) -> None:
    wood, cream = (150, 92, 50), (255, 240, 208)
    pen.oval(0, 31, 22, 6, wood)
    pen.shape([(-22, 15), (22, 15), (22, 31), (-22, 31)], wood, 0)
    pen.shape([(-22, 29), (22, 29), (22, 31), (-22, 31)], wood, 0, 0)
    pen.line([(-22 + 44 * i / 6, 18 if i % 2 else 33) for i in range(7)], 2, cream)
    pen.oval(0, 14, 22, 6, cream)
    for side in (-1, 1):
        lift = 9 * max(0.0, side * sin(wave))
        hand = (side * 27, 4 - lift)
        pen.line([hand, (side * 8, 12 - 1.6 * lift)], 3, INK)
        pen.oval(*hand, 4.2, 4.2, WHITE)


def _jump(pen: Pen, wave: float) -> None:
    for side in (-1, 1):
        _glove(pen, (side * 19, -2), (side * 30, -22 + 2 * sin(wave)))


def _spin(pen: Pen, wave: float) -> None:
    start = np.degrees(wave)
    for turn in (0, 180):
        pen.arc(0, 0, 41, 41, start + turn, start + turn + 75, 5, INK)
        pen.arc(0, 0, 40, 40, start + turn + 2, start + turn + 73, 3, WHITE)


OBJECTS = {
    "flag": _flag,
    "hat": _hat,
    "umbrella": _umbrella,
    "balloon": _balloon,
    "book": _book,
    "drum": _drum,
    "jump": _jump,
    "spin": _spin,
}
CYCLE = {
    "flag": 1.0,
    "hat": 1.6,
    "umbrella": 2.4,
    "balloon": 2.6,
    "book": 2.2,
    "drum": 0.6,
    "jump": HOP,
    "spin": 1.2,
}


@cache
def thing(activity: str, phase: int, mirror: bool, size: float, scale: float) -> Sprite:
    """The object of an activity at one picture of its cycle; `size` under 1 while it appears or goes."""
    pen = Pen(72, scale * size)
    OBJECTS[activity](pen, 2 * pi * phase / PHASES)
    return pen.sprite(mirror)


@cache
def shadow(height: int, scale: float) -> Sprite:
    """The soft shadow on the ground under a figure that is `height` pixels above it."""
    pen = Pen(32, scale)
    width = 24 - 0.28 * height
    pen.draw.ellipse(
        pen._points([(-width, -4), (width, 4)])[0] + pen._points([(-width, -4), (width, 4)])[1],
        (40, 36, 60, 90),
    )
    return pen.sprite()
