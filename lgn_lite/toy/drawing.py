"""How Toy-STA looks: a background drawn once per video, and on it the figures, moving.

A frame is the background and for each figure a shadow, a body that steps and blinks, and the thing of its
activity: a few small array products.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import pi, sin
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from lgn_lite.toy.sprites import ASLEEP, CYCLE, FEET, HEAD, HOP, PHASES, TURNS, blit, body, shadow, thing

if TYPE_CHECKING:
    from lgn_lite.toy.world import Scene

SIZE = 192  # pixels, width and height
POP = (0.35, 0.7, 1.0)  # a thing grows over the first frames of its activity and shrinks over the last

# Backgrounds ------------------------------------------------------------------------------------------------

PASTELS = (
    (205, 230, 250),
    (252, 226, 205),
    (228, 218, 248),
    (214, 240, 228),
    (250, 220, 228),
    (250, 240, 212),
)


def _tint(colour, by: float) -> tuple[int, int, int]:
    """Towards white for positive `by`, towards a soft grey violet for negative."""
    target = (255, 255, 255) if by > 0 else (150, 140, 165)
    return tuple(round(c + (t - c) * abs(by)) for c, t in zip(colour, target, strict=True))


def _outdoors(draw: ImageDraw.ImageDraw, rng: np.random.Generator, n: int) -> None:
    sky, land = (PASTELS[i] for i in rng.choice(len(PASTELS), 2, replace=False))
    for y in range(0, n, 4):
        draw.rectangle((0, y, n, y + 4), _tint(sky, 0.75 * y / n))
    x, y, r = rng.uniform(0.15, 0.85) * n, rng.uniform(0.1, 0.22) * n, rng.uniform(0.06, 0.09) * n
    for grow, light in ((1.5, 0.45), (1, 0.85)):  # a pale sun with a halo
        draw.ellipse((x - grow * r, y - grow * r, x + grow * r, y + grow * r), _tint((255, 240, 190), light))
    for _ in range(rng.integers(2, 5)):
        x, y, r = rng.uniform(0, n), rng.uniform(0.06, 0.35) * n, rng.uniform(0.03, 0.05) * n
        for dx, size in ((-1.3, 0.8), (0, 1.2), (1.4, 0.9)):
            draw.ellipse((x + (dx - size) * r, y - size * r, x + (dx + size) * r, y + 0.7 * r), _tint(sky, 0.8))
    xs = np.arange(0, n + 8, 8)
    for base, swell, shade in ((0.55, 0.07, -0.12), (0.64, 0.04, -0.24), (0.74, 0.012, -0.05)):
        phase, waves = rng.uniform(0, 2 * pi), rng.uniform(1.0, 2.2)
        ys = (base + swell * np.sin(2 * pi * waves * xs / n + phase)) * n
        draw.polygon([*zip(xs.tolist(), ys.tolist(), strict=True), (n + 8, n), (0, n)], _tint(land, shade))
    for _ in range(rng.integers(8, 16)):  # tufts and pebbles
        x, y = rng.uniform(0, n), rng.uniform(0.78, 0.99) * n
        draw.ellipse((x - 5, y - 2, x + 5, y + 2), _tint(land, rng.choice([-0.3, 0.6])))


def _indoors(draw: ImageDraw.ImageDraw, rng: np.random.Generator, n: int) -> None:
    wall, floor, sky = (PASTELS[i] for i in rng.choice(len(PASTELS), 3, replace=False))
    draw.rectangle((0, 0, n, n), wall)
    step = int(rng.integers(20, 40))
    for x in range(0, n, 2 * step):
        draw.rectangle((x, 0, x + step, n), _tint(wall, 0.3))
    x, y, w, h = (int(v * n) for v in (rng.uniform(0.12, 0.5), rng.uniform(0.06, 0.12), 0.36, 0.3))
    draw.rectangle((x - 8, y - 8, x + w + 8, y + h + 8), _tint(wall, 0.85))
    draw.rectangle((x, y, x + w, y + h), _tint(sky, 0.2))
    draw.rectangle((x + w // 2 - 3, y, x + w // 2 + 3, y + h), _tint(wall, 0.85))
    draw.rectangle((x, y + h // 2 - 3, x + w, y + h // 2 + 3), _tint(wall, 0.85))
    top = int(0.7 * n)
    draw.rectangle((0, top, n, n), _tint(floor, -0.18))
    draw.rectangle((0, top - 10, n, top), _tint(wall, 0.8))
    for i in range(1, 4):
        y = top + int((n - top) * i * i / 16)
        draw.line((0, y, n, y), _tint(floor, -0.3), 2)
    draw.ellipse((0.12 * n, 0.79 * n, 0.88 * n, 0.98 * n), _tint(floor, 0.35))


def background(rng: np.random.Generator) -> np.ndarray:
    """A soft scene, outdoors or a room: (192, 192, 3) uint8."""
    image = Image.new("RGB", (2 * SIZE, 2 * SIZE))
    (_outdoors if rng.random() < 0.6 else _indoors)(ImageDraw.Draw(image), rng, 2 * SIZE)
    return np.asarray(image.reduce(2))


# Frames -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Position:
    """Where one figure lives in a video and how it moves there."""

    x: float
    ground: float
    reach: float  # pixels it walks to either side
    period: float  # seconds of one walk to and fro
    shift: float  # seconds by which its rhythm is ahead of the others'
    mirror: bool  # looks and holds things to the left
    scale: float


def positions(rng: np.random.Generator, count: int) -> list[Position]:
    """A part of the scene for each of `count` figures, in random order."""
    width, scale = SIZE / max(count, 2), 1.08 if count <= 2 else 0.8
    found = []
    for slot in rng.permutation(max(count, 2))[:count]:
        x = width * (slot + 0.5) + rng.uniform(-4, 4) * scale
        found.append(
            Position(
                x,
                rng.uniform(160, 180),
                rng.uniform(5, 9) * scale,
                rng.uniform(4, 7),
                rng.uniform(0, 60),
                bool(rng.random() < 0.5),
                scale,
            )
        )
    return found


@lru_cache(maxsize=4)
def stage(look: int, count: int) -> tuple[np.ndarray, list[Position]]:
    """The background and the figures' positions of a video, from its look seed."""
    rng = np.random.default_rng([look, 7])
    return background(rng), positions(rng, count)


@dataclass(frozen=True)
class Doing:
    """One activity of a figure at a time t: `since` seconds ago it began, in `left` seconds it ends."""

    activity: str
    since: float = 9.0
    left: float = 9.0


def paint_figure(
    frame: np.ndarray, figure: tuple[str, str], position: Position, t: float, doing: Sequence[Doing] = ()
) -> None:
    """Draw a figure at time t with what it is doing; one that does nothing sleeps."""
    colour, shape = figure
    clock, s, mirror = t + position.shift, position.scale, position.mirror
    x = position.x + position.reach * sin(2 * pi * clock / position.period)
    lift = 1.5 + 1.5 * sin(2 * pi * clock / 0.9)  # the bob of a walk
    turn, step = 0, int(clock / 0.9 * PHASES) % PHASES
    for now in doing:
        if now.activity == "jump":
            lift, step = 36 * abs(sin(pi * now.since / HOP)), 0
        elif now.activity == "spin":
            lift, step, turn = 4, 0, int(now.since / CYCLE["spin"] * TURNS) % TURNS
    if not doing:  # it sleeps: pale, eyes shut, breathing slowly where it stopped
        x, lift, step, colour = position.x, 1 + sin(2 * pi * clock / 3), 0, ASLEEP
    blit(frame, shadow(int(lift) // 4 * 4, s), x, position.ground)
    y = position.ground - (FEET + lift) * s
    blit(frame, body(colour, shape, step, colour == ASLEEP or clock % 2.9 < 0.16, mirror, turn, s), x, y)
    for now in doing:
        size = POP[min(int(min(now.since, now.left) * 12), 2)]
        phase = int(now.since / CYCLE[now.activity] * PHASES) % PHASES
        sprite = thing(now.activity, phase, mirror, size, s)
        blit(frame, sprite, x, y + (HEAD[shape] * s if now.activity == "hat" else 0))


def draw_frame(scene: "Scene", t: float) -> np.ndarray:
    """The picture of a scene at `t` seconds: (192, 192, 3) uint8 RGB."""
    ground, spots = stage(scene.look, len(scene.figures))
    frame = ground.copy()
    for i in sorted(range(len(spots)), key=lambda i: spots[i].ground):  # the nearer figure over the farther
        own = [event for event in scene.events if event.figure == i and event.start <= t < event.end]
        doing = [Doing(event.activity, t - event.start, event.end - t) for event in own]
        paint_figure(frame, scene.figures[i], spots[i], t, doing)
    return frame


def draw_scene(scene: "Scene", fps: int = 10) -> Iterator[np.ndarray]:
    """All frames of a scene at `fps` frames per second."""
    for i in range(round(scene.duration * fps)):
        yield draw_frame(scene, i / fps)


def concept_frame(
    rng: np.random.Generator,
    ground: np.ndarray,
    figures: list[tuple[str, str]],
    activities: Sequence[Sequence[str]],
    num_figures: int = 2,
) -> np.ndarray:
    """A frame of a video of `num_figures` that shows only these, each at a random moment of its activities."""
    frame = ground.copy()
    spots = positions(rng, num_figures)[: len(figures)]
    for figure, own, position in zip(figures, activities, spots, strict=True):
        paint_figure(frame, figure, position, 0.0, [Doing(activity, rng.uniform(0.25, 9)) for activity in own])
    return frame
