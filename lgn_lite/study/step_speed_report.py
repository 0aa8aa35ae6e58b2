"""All variants of a training step, one after another, stored in one file, with what the numbers say about the aim."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.table import Table

from lgn_lite.config import LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.study.step_speed import PRECISIONS, STEP_BASELINE, StepVariant, loss_curve, measure_variant
from lgn_lite.support.files import write_json
from lgn_lite.support.processes import in_own_process
from lgn_lite.support.reading import read_json

AIM = {"tacos": 8.0}  # how many times as fast as the square network in single precision the list has to be
REFERENCE_CURVE = "list-fp32"  # whose loss curve the other list variants have to keep to
SAME_CURVE = 0.02  # largest difference from it, in parts of the first loss
AS_GOOD = 1.05  # last losses of the list, in parts of the square network's


def run_benchmark(
    output: str | Path,
    presets: Sequence[str],
    variants: Sequence[str],
    batch: int = 32,
    steps: int = 10,
    device: str = "cpu",
    curve_steps: int = 200,
    curve_batch: int = 8,
    settings: Mapping[str, Any] | None = None,
    profiled: bool = False,
    say: Callable[[str], None] = print,
    run: Callable[..., Any] | None = None,
) -> dict:
    """Measure the variants of each preset and their loss curves; what `output` holds already is not done again.

    A variant that fails is a row with its "error", and is tried again by the next call.

    Args:
        output: the file of results.
        presets: names of presets of LGNConfig.
        variants: names of STEP_VARIANTS.
        batch, steps: queries of a step, and timed steps.
        device: where the network runs.
        curve_steps, curve_batch: steps of a loss curve, 0 for none, and queries of a step.
        settings: replaced in the presets.
        profiled: list the operations that take most of a step.
        say: takes the lines to show.
        run: run(work, *arguments) calls the work; None: in a process of its own.

    Returns:
        What is written, {"about": …, "presets": {preset: {"rows": {variant: row}, "curves": {variant: losses}}}}.

    Raises:
        InputError: for an unknown preset or variant, numbers below 1, and an `output` that holds results of other
            settings or of another machine.
    """
    if min(batch, steps, curve_batch) < 1 or curve_steps < 0:
        raise InputError(
            f"batch {batch}, steps {steps}, curve batch {curve_batch}, curve steps {curve_steps}: must be at least 1, "
            "the last at least 0"
        )
    configs = {preset: LGNConfig.preset(preset, **(settings or {})) for preset in presets}
    for name in variants:
        StepVariant.parse(name)
    request = {"batch": batch, "steps": steps, "curve_batch": curve_batch, "curve_steps": curve_steps}
    found = _open(Path(output), machine(device) | request | {"settings": json.loads(json.dumps(settings or {}))})

    def row_or_error(work: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return (run or in_own_process)(work, *arguments)
        except Exception as error:  # whatever it is, the other variants are measured
            return {"error": f"{type(error).__name__}: {error}".strip().splitlines()[0]}

    for preset, config in configs.items():
        stored = found["presets"].setdefault(preset, {"rows": {}, "curves": {}})
        for name in variants:
            row = stored["rows"].get(name, {})
            if "seconds" in row and (row["largest_terms"] or not profiled):
                continue
            row = stored["rows"][name] = row_or_error(measure_variant, config, name, batch, steps, device, profiled)
            write_json(output, found)
            say(f"{preset} {name}: {row.get('error') or '{:.3g} s per step'.format(row['seconds'])}")
        for name in _required_curves(stored["rows"]) if curve_steps else ():
            if isinstance(stored["curves"].get(name), list):
                continue
            curve = row_or_error(loss_curve, config, name, curve_batch, curve_steps, device)
            stored["curves"][name] = curve
            write_json(output, found)
            say(f"{preset} {name}: " + (f"{curve_steps} losses" if isinstance(curve, list) else curve["error"]))
    return found


def machine(device: str) -> dict[str, Any]:
    """What a measured time depends on: the device's name and the versions."""
    on_gpu = torch.device(device).type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if on_gpu else f"{platform.machine()} processor",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda if on_gpu else None,
        "cudnn": torch.backends.cudnn.version() if on_gpu else None,
        "python": platform.python_version(),
    }


def _open(output: Path, about: dict[str, Any]) -> dict:
    if not output.exists():
        return {"about": about, "presets": {}}
    found = read_json(output, "it is not a file of this benchmark: choose another --output")
    begun = found.get("about")
    whole = isinstance(found.get("presets"), dict) and all(
        isinstance(stored, dict) and all(isinstance(stored.get(part), dict) for part in ("rows", "curves"))
        for stored in found["presets"].values()
    )
    if not isinstance(begun, dict) or not whole:
        raise InputError(f"{output} is not a file of this benchmark: choose another --output")
    differing = [
        f"{name}: {begun.get(name)} there, {value} now" for name, value in about.items() if begun.get(name) != value
    ]
    if differing:
        raise InputError(f"{output} holds other results ({'; '.join(differing)}): choose another --output or remove it")
    return found


def _required_curves(rows: Mapping[str, dict]) -> list[str]:
    own = [fastest(rows, precision) for precision in PRECISIONS]
    return list(dict.fromkeys(name for name in (STEP_BASELINE, REFERENCE_CURVE, *own) if name))


def fastest(rows: Mapping[str, dict], precision: str = "") -> str | None:
    """The list variant, of this precision if one is given, that does most queries per second; None if none has run."""
    ran = {
        name: row["queries_per_second"]
        for name, row in rows.items()
        if name.startswith(f"list-{precision}") and "seconds" in row
    }
    return max(ran, key=ran.__getitem__, default=None)


def ratio(rows: Mapping[str, dict], name: str) -> float | None:
    """Queries per second of a variant, over those of the square network in single precision."""
    if "seconds" not in rows.get(name, {}) or "seconds" not in rows.get(STEP_BASELINE, {}):
        return None
    return rows[name]["queries_per_second"] / rows[STEP_BASELINE]["queries_per_second"]


def difference(a: Sequence[float], b: Sequence[float]) -> float:
    """The largest difference between two loss curves, step by step."""
    return max(abs(x - y) for x, y in zip(a, b, strict=True))


def last_losses(curve: Sequence[float]) -> float:
    """The mean of the last tenth of a loss curve."""
    last = curve[-max(1, len(curve) // 10) :]
    return sum(last) / len(last)


def verdicts(preset: str, stored: Mapping[str, dict]) -> list[tuple[bool | None, str]]:
    """What the results say about the aim: whether it is reached, None if that was not measured, and in words."""
    best, said = fastest(stored["rows"]), []
    times = ratio(stored["rows"], best) if best else None
    if preset in AIM:
        text = "not measured" if times is None else f"{best} is {times:.2f} times as fast as {STEP_BASELINE}"
        said.append((None if times is None else times >= AIM[preset], f"speed, at least {AIM[preset]:g} times: {text}"))
    curves = {name: curve for name, curve in stored["curves"].items() if isinstance(curve, list)}
    for name in curves if REFERENCE_CURVE in curves else ():
        if name in (STEP_BASELINE, REFERENCE_CURVE):
            continue
        off = difference(curves[name], curves[REFERENCE_CURVE]) / curves[REFERENCE_CURVE][0]
        rule = f"the same loss curve, within {SAME_CURVE:.0%} of the first loss"
        said.append((off <= SAME_CURVE, f"{rule}: {name} is off {REFERENCE_CURVE} by at most {off:.2%}"))
    if best in curves and STEP_BASELINE in curves:
        ours, theirs = last_losses(curves[best]), last_losses(curves[STEP_BASELINE])
        rule = f"last losses at most {AS_GOOD:g} times those of {STEP_BASELINE}"
        off = difference(curves[best], curves[STEP_BASELINE])
        text = f"{best} {ours:.4f}, {STEP_BASELINE} {theirs:.4f}; largest difference of a step {off:.4f}"
        said.append((ours <= AS_GOOD * theirs, f"{rule}: {text}"))
    return said


def report(found: Mapping[str, Any]) -> Iterator[Table | str]:
    """The results as tables and lines, for rich to print."""
    for preset, stored in found["presets"].items():
        yield _rows_table(preset, stored["rows"])
        yield from (f"  {name}: {row['error']}" for name, row in stored["rows"].items() if "error" in row)
        for name, row in stored["rows"].items():
            if row.get("largest_terms"):
                yield _terms_table(name, row["largest_terms"])
        curves = {name: curve for name, curve in stored["curves"].items() if isinstance(curve, list)}
        if curves:
            yield _curves_table(curves)
        for reached, text in verdicts(preset, stored):
            yield f"{ {True: 'PASS', False: 'FAIL', None: '–'}[reached] }  {preset}, {text}"


def _table(title: str, first: str, *names: str) -> Table:
    table = Table(first, *names, title=title, title_justify="left", box=None, header_style="dim", pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _rows_table(preset: str, rows: Mapping[str, dict]) -> Table:
    names = (
        "batch",
        "s/step",
        "steps/s",
        "queries/s",
        "GB",
        "T multiply-adds/s",
        "of peak",
        f"× {STEP_BASELINE}",
        "first s",
    )
    table = _table(preset, "variant", *names)
    for name, row in rows.items():
        if "seconds" not in row:
            table.add_row(name, "failed")
            continue
        times = ratio(rows, name)
        table.add_row(
            name,
            f"{row['batch']}",
            f"{row['seconds']:.3g}",
            f"{row['steps_per_second']:.3g}",
            f"{row['queries_per_second']:.3g}",
            f"{row['peak_memory_bytes'] / 1e9:.1f}",
            f"{row['multiply_adds'] / row['seconds'] / 1e12:.3g}",
            f"{row['share_of_peak']:.0%}",
            "" if times is None else f"{times:.2f}",
            f"{row['first_seconds']:.3g}",
        )
    return table


def _terms_table(name: str, terms: Sequence[dict]) -> Table:
    table = _table(f"{name}: the largest terms of a step", "operation", "calls", "s", "share")
    for term in terms:
        table.add_row(term["name"], str(term["calls"]), f"{term['seconds']:.4f}", f"{term['share']:.1%}")
    return table


def _curves_table(curves: Mapping[str, Sequence[float]]) -> Table:
    steps = len(next(iter(curves.values())))
    shown = sorted({0, *(round(i * (steps - 1) / 8) for i in range(9))})
    table = _table("loss", "step", *(str(step + 1) for step in shown))
    for name, curve in curves.items():
        table.add_row(name, *(f"{curve[step]:.4f}" for step in shown))
    return table
