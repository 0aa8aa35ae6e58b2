"""The README's numbers: how long a run took, whatever ran beside what."""

import json

import pytest

from lgn_lite.errors import InputError
from lgn_lite.study.readme import time_sentence, time_taken

DAY = "2026-01-{:02d}T00:{:02d}:{:02d}.000+00:00"


def entry(start: tuple, end: tuple, status: str = "done") -> dict:
    return {"status": status, "seconds": 60.0, "started": DAY.format(*start), "finished": DAY.format(*end)}


def write_run(folder, **entries):
    (folder / "run.json").write_text(json.dumps({"parameters": {}, "notebooks": entries}), encoding="utf-8")


def test_what_runs_at_the_same_time_counts_once_and_a_pause_not_at_all(tmp_path):
    entries = {
        "00_a": entry((1, 0, 0), (1, 4, 0)),
        "01_b": entry((1, 4, 0), (1, 6, 0)),
        "02_c": entry((1, 4, 30), (1, 5, 0)),  # within 01_b
        "03_d": entry((1, 5, 0), (1, 7, 30)),  # a minute and a half beyond it
        "04_e": entry((2, 0, 0), (2, 0, 30)),  # resumed on the next day
    }
    write_run(tmp_path, **dict(sorted(entries.items(), reverse=True)))
    taken = time_taken(tmp_path)
    assert taken["total"] == 8 * 60 and list(taken["seconds"]) == ["00", "01", "02", "03", "04"]
    assert "the 5 notebooks took 8 minutes" in time_sentence(taken)


def test_a_run_that_is_not_finished_has_no_time(tmp_path):
    write_run(tmp_path, **{"00_a": entry((1, 0, 0), (1, 4, 0), "failed")})
    with pytest.raises(InputError, match="not a finished run"):
        time_taken(tmp_path)
