"""Figures of numbers."""

import numpy as np
import pytest

from lgn_lite.analysis import count_spans
from lgn_lite.figures import plot_spans


def test_where_moments_lie_is_drawn_alike_from_spans_and_from_counts_in_one_scale():
    rng = np.random.default_rng(0)
    spans = np.sort(rng.uniform(0, 1, (500, 2)), axis=1)
    short = np.stack([spans[:, 0], spans[:, 0] + 0.01], axis=1).clip(0, 1)
    figure = plot_spans({"spans": spans, "counts": count_spans(spans), "short": short})
    maps = [ax.collections[0] for ax in figure.axes[0:6:2]]
    assert np.array_equal(maps[0].get_array(), maps[1].get_array())
    assert len({image.get_clim() for image in maps}) == 1
    bars = [[patch.get_height() for patch in ax.patches] for ax in figure.axes[1:6:2]]
    assert bars[0] == bars[1] and [sum(heights) for heights in bars] == [pytest.approx(100)] * 3
