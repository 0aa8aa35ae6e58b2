"""The drawings of the real data sets' kinds of videos."""

import io

import numpy as np
import pytest
from PIL import Image

from lgn_lite.figures import new_axes, plot_scenes
from lgn_lite.figures.scenes import SCENES


def picture(draw) -> np.ndarray:
    figure, ((ax,),) = new_axes(size=(2, 2))
    draw(ax)
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.axis("off")
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=40)
    return np.asarray(Image.open(written).convert("RGB")).astype(int)


@pytest.mark.parametrize("name", SCENES)
def test_the_two_frames_of_a_data_set_share_a_place_and_differ_in_what_happens(name):
    first, second = map(picture, SCENES[name])
    same = (np.abs(first - second).max(axis=2) < 8).mean()
    assert 0.6 < same < 0.98
    assert len(np.unique(first.reshape(-1, 3), axis=0)) > 50  # not an empty frame


def test_each_frame_has_its_sentence():
    sentences = {name: (f"{name} one", f"{name} two") for name in SCENES}
    figure = plot_scenes(sentences, {name: name.upper() for name in SCENES})
    assert [ax.get_xlabel() for ax in figure.axes] == [f"“{name} {n}”" for n in ("one", "two") for name in SCENES]
    assert [ax.get_title("left") or ax.get_title() for ax in figure.axes[:3]] == [name.upper() for name in SCENES]
