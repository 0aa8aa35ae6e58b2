"""The benchmark of training steps, on shapes of a few numbers: every variant, failures, resuming, counts, verdicts."""

import itertools
import json
import os
import signal

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from typer.testing import CliRunner

from lgn_lite.analysis.model_summary import map_cells
from lgn_lite.cli import main as cli
from lgn_lite.config import LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.model import LGN
from lgn_lite.study import step_speed as benchmark_step
from lgn_lite.study import step_speed_report as benchmark_run
from lgn_lite.study.step_speed import (
    CONVOLUTIONS,
    STEP_VARIANTS,
    StepVariant,
    Training,
    loss_curve,
    make_batch,
    measure_variant,
    square_weights,
    step_multiply_adds,
)
from lgn_lite.study.step_speed_report import report, run_benchmark, verdicts
from lgn_lite.support.processes import in_own_process

TINY = dict(visual_dim=8, num_frames=8, num_clips=8, scales=(4, 2), hidden=8, word_dim=4, text_dim=8, text_layers=1)
TINY |= dict(layers=2, kernel=3, padding=2, guidance=1)
CONFIG = LGNConfig.preset("charades-sta", **TINY)
EAGER = [name for name, variant in STEP_VARIANTS.items() if not variant.compiled and variant.precision != "tf32"]


def directly(work, *arguments):
    return work(*arguments)


def small_run(output, variants=EAGER, presets=("charades-sta",), said=None, run=directly, **options):
    options = dict(batch=2, steps=2, curve_steps=0, settings=TINY) | options
    say = [].append if said is None else said.append
    return run_benchmark(output, presets, variants, say=say, run=run, **options)


@pytest.fixture(autouse=True)
def small_peak(monkeypatch):
    monkeypatch.setattr(benchmark_step, "peak_multiply_adds", lambda precision, device: 1e9)


@pytest.mark.slow
def test_every_variant_is_measured_and_tf32_says_what_it_needs(tmp_path, monkeypatch):
    clock = itertools.cycle([9.0, 0.2, 0.25, 5.0])  # the first step, which compiles, and three more

    def timed(work, times):
        return [(work(), next(clock))[1] for _ in range(times)]

    monkeypatch.setattr(benchmark_step, "timed", timed)
    found = small_run(tmp_path / "b.json", [n for n in STEP_VARIANTS if not STEP_VARIANTS[n].compiled], steps=3)
    rows = found["presets"]["charades-sta"]["rows"]
    for name in EAGER:
        row = rows[name]
        assert (row["batch"], row["first_seconds"], row["seconds"]) == (2, 9.0, 0.25)
        assert (row["steps_per_second"], row["queries_per_second"]) == (4, 8)
        own = CONFIG.override(convolution=CONVOLUTIONS[STEP_VARIANTS[name].convolution])
        assert row["share_of_peak"] == pytest.approx(4 * step_multiply_adds(own, 2) / 1e9)
        assert row["peak_memory_bytes"] > 0
    assert "TF32 needs an NVIDIA GPU" in rows["square-tf32"]["error"]
    assert json.loads((tmp_path / "b.json").read_text(encoding="utf-8")) == found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["square-fp32-compiled", "list-bf16-compiled"])
def test_compiled_variants_compile(tmp_path, name, monkeypatch):
    compiled, compile_it = [], torch.compile
    monkeypatch.setattr(
        torch, "compile", lambda model, **k: compiled.append(k) or compile_it(model, backend="aot_eager")
    )
    row = small_run(tmp_path / "b.json", [name])["presets"]["charades-sta"]["rows"][name]
    assert row["seconds"] > 0 and len(compiled) == 1


def test_a_failing_variant_is_a_row_and_the_others_go_on(tmp_path, monkeypatch):
    def broken(model, **_):
        raise RuntimeError("no C++ compiler\nin many words")

    monkeypatch.setattr(torch, "compile", broken)
    found = small_run(tmp_path / "b.json", ["list-fp32-compiled", "list-fp32"])
    rows = found["presets"]["charades-sta"]["rows"]
    assert rows["list-fp32-compiled"] == {"error": "RuntimeError: no C++ compiler"}
    assert rows["list-fp32"]["seconds"] > 0
    printed = [part for part in report(found) if isinstance(part, str)]
    assert "  list-fp32-compiled: RuntimeError: no C++ compiler" in printed


@pytest.mark.slow
def test_a_batch_too_large_for_memory_is_halved(tmp_path, monkeypatch):
    step = Training.step

    def crowded(self, batch):
        if len(batch["video"]) > 2:
            raise torch.OutOfMemoryError("no room")
        return step(self, batch)

    monkeypatch.setattr(Training, "step", crowded)
    row = measure_variant(CONFIG, "list-fp32", 8, 1, "cpu")
    assert (row["batch"], row["out_of_memory_at"]) == (2, 4)
    assert row["multiply_adds"] == step_multiply_adds(CONFIG, 2)
    monkeypatch.setattr(Training, "step", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("no room")))
    with pytest.raises(MemoryError, match="a batch of one query"):
        measure_variant(CONFIG, "list-fp32", 2, 1, "cpu")


def test_interrupted_it_goes_on(tmp_path):
    output, asked = tmp_path / "b.json", []

    def interrupted(work, *arguments):
        asked.append(arguments[1])
        if len(asked) == 2:
            raise KeyboardInterrupt
        return work(*arguments)

    with pytest.raises(KeyboardInterrupt):
        small_run(output, ["list-fp32", "square-fp32"], run=interrupted, curve_steps=2)
    begun = json.loads(output.read_text(encoding="utf-8"))["presets"]["charades-sta"]["rows"]
    assert list(begun) == ["list-fp32"]
    found = small_run(output, ["list-fp32", "square-fp32"], run=interrupted, curve_steps=2)
    kept = found["presets"]["charades-sta"]
    assert kept["rows"]["list-fp32"] == begun["list-fp32"]  # not measured again
    assert asked == ["list-fp32", "square-fp32", "square-fp32", "square-fp32", "list-fp32"]  # the last two are curves
    small_run(output, ["list-fp32", "square-fp32"], run=interrupted, curve_steps=2)
    assert len(asked) == 5


def test_results_of_other_settings_are_not_mixed(tmp_path):
    output = tmp_path / "b.json"
    small_run(output, ["list-fp32"])
    with pytest.raises(InputError, match="batch: 2 there, 4 now"):
        small_run(output, ["list-fp32"], batch=4)
    output.write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match="not a file of this benchmark"):
        small_run(output, ["list-fp32"])
    with pytest.raises(InputError, match="no variant 'list'"):
        small_run(tmp_path / "c.json", ["list"])
    with pytest.raises(InputError, match="at least 1"):
        small_run(tmp_path / "c.json", steps=0)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_killed_process_is_an_error_of_its_own():
    assert in_own_process(os.getpid) != os.getpid()
    with pytest.raises(MemoryError, match="killed"):
        in_own_process(die)


@pytest.mark.parametrize("early", ["none", "fc7", "both"])
@pytest.mark.parametrize("convolution", ["square", "list"])
def test_multiply_adds_are_those_that_are_done(convolution, early):
    config = CONFIG.override(early=early)
    training, batch = Training(config, StepVariant(convolution, "fp32"), "cpu"), make_batch(config, 3, "cpu")
    with torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counted:
        training.step(batch)
    own = training.model.config
    mask = map_cells(own) * own.kernel**2 if convolution == "square" else 0  # it counts valid cells by a convolution
    assert step_multiply_adds(own, 3) + mask == counted.get_total_flops() // 2


def test_multiply_adds_of_the_map_by_hand():
    # one layer of 1×1 over 3 candidates of 2 clips, 4 channels: 3·16 forward, three times that in all
    one = dict(num_clips=2, scales=(2,), num_frames=2, hidden=4, layers=1, kernel=1, padding=0, guidance=0)
    none = dict(early="none", feature="fc7", text_encoder="bag", word_dim=1, text_dim=1, visual_dim=1)
    config = CONFIG.override(**one, **none)
    fusion, score, frames, sentence = 3 * (4 + 3 * 16), 3 * 3 * 4, 2 * 2 * 4, 2 * 1
    assert step_multiply_adds(config, 1) == 3 * 3 * 16 + fusion + score + frames + sentence


def test_square_and_list_start_as_the_same_network():
    config = CONFIG.override(layers=1, padding=1)
    listed, batch = LGN(config), make_batch(config, 3, "cpu")
    square = LGN(config.override(convolution="dense"))
    square.load_state_dict(square_weights(listed.state_dict(), config.kernel))
    given = batch["video"], batch["words"], batch["word_counts"]
    torch.testing.assert_close(square.eval()(*given), listed.eval()(*given))
    two = [Training(CONFIG, STEP_VARIANTS[name], "cpu").model for name in ("square-fp32", "list-bf16")]
    assert torch.equal(*(model.fuse_video.weight for model in two))


def test_loss_curves_repeat_and_fall():
    curve = loss_curve(CONFIG.override(layers=1, padding=1), "list-fp32", 16, 60, "cpu")
    assert curve == loss_curve(CONFIG.override(layers=1, padding=1), "list-fp32", 16, 60, "cpu")
    assert sum(curve[-10:]) < sum(curve[:10])


def test_the_profile_names_the_products(tmp_path):
    row = small_run(tmp_path / "b.json", ["list-fp32"], profiled=True)["presets"]["charades-sta"]["rows"]["list-fp32"]
    names = [term["name"] for term in row["largest_terms"]]
    assert any("mm" in name or "index" in name for name in names)
    assert 0 < sum(term["share"] for term in row["largest_terms"]) <= 1 + 1e-9


def row(queries_per_second):
    return {"seconds": 1.0, "queries_per_second": queries_per_second}


def test_verdicts_by_hand():
    rows = {"square-fp32": row(1.0), "list-fp32": row(6.0), "list-bf16": row(8.0), "list-tf32": {"error": "none here"}}
    curves = {"square-fp32": [0.5] * 20, "list-fp32": [0.5] * 19 + [0.6], "list-bf16": [0.5] * 19 + [0.605]}
    fast, same, good = verdicts("tacos", {"rows": rows, "curves": curves})
    assert fast[0] and "list-bf16 is 8.00 times" in fast[1]
    assert same[0] and "by at most 1.00%" in same[1]
    assert good[0] is False and "list-bf16 0.5525, square-fp32 0.5000" in good[1]
    rows["list-bf16"], curves["list-bf16"] = row(7.9), [0.5] * 19 + [0.62]
    assert [reached for reached, _ in verdicts("tacos", {"rows": rows, "curves": curves})] == [False, False, False]
    assert verdicts("charades-sta", {"rows": rows, "curves": {}}) == []
    rows["list-tf32"], curves["list-tf32"] = row(7.0), [0.5] * 19 + [0.6]  # each precision keeps to the curve, or not
    _, bf16, tf32, _ = verdicts("tacos", {"rows": rows, "curves": curves})
    assert (bf16[0], tf32[0]) == (False, True) and "list-tf32 is off list-fp32 by at most 0.00%" in tf32[1]
    del rows["square-fp32"]
    assert verdicts("tacos", {"rows": rows, "curves": {}})[0][0] is None


def test_the_command_prints_its_tables(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark_run, "in_own_process", directly)
    words = [f"--setting={name}={list(value) if name == 'scales' else value}" for name, value in TINY.items()]
    words += ["--preset", "tacos", "--batch", "1", "--steps", "1", "--curve-steps", "2", "--curve-batch", "1"]
    words += ["--variants", "square-fp32", "--variants", "list-fp32", "--device", "cpu"]
    ran = CliRunner().invoke(cli.app, ["study", "step-speed", *words, "--output", str(tmp_path / "b.json")])
    assert ran.exit_code == 0, ran.output
    assert "square-fp32" in ran.output and "speed, at least 8 times" in ran.output and "loss" in ran.output
    refused = ["study", "step-speed", "--variants", "list", "--output", str(tmp_path / "c.json")]
    with pytest.raises(InputError, match="no variant 'list'"):
        CliRunner().invoke(cli.app, refused, catch_exceptions=False)
