"""A video file that does not last as long as its annotation says is mentioned in one sentence."""

import pytest

from lgn_lite.annotations import duration_note


@pytest.mark.parametrize(("annotated", "film"), [(30, 15), (30, 60), (2, 1), (0.5, 90.0), (100.0, 111.2)])
def test_a_film_much_longer_or_shorter_than_annotated_is_mentioned(annotated, film):
    note = duration_note(annotated, film)
    assert f"lasts {film:.1f} s" in note and f"says {annotated:.1f} s" in note and "\n" not in note


@pytest.mark.parametrize(("annotated", "film"), [(30, 30), (30, 30.9), (30, 28), (1, 1.5), (30, 0), (30, float("nan"))])
def test_what_rounding_makes_and_what_is_not_known_is_not(annotated, film):
    assert duration_note(annotated, film) is None
