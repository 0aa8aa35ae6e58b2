"""Toy-STA with its features, asked for by two processes at once: one makes it, the other waits and finds it."""

import subprocess
import sys
import time

import pytest

# A data set of five videos, whose drawing waits for the file `go`; each process tells what it found when it began.
CODE = """
import pathlib, sys, time
from lgn_lite import prepare, toy

def build(folder, *arguments, **options):
    print("found" if (folder / "toy_sta.json").exists() else "draws", flush=True)
    while not (folder.parent / "go").exists():
        time.sleep(0.02)
    return toy.build_toy_sta(folder, *arguments, **options)

if __name__ == "__main__":
    toy.SIZES["nano"] = {"train": 2, "val": 1, "test": 1, "test-composition": 1}
    prepare.CONCEPT_FRAMES["nano"] = 64
    prepare.build_toy_sta = build
    data = prepare.prepare_toy("nano", sys.argv[1], workers=0, progress=False)
    print(len(data.features), data.features.attrs["weights"], flush=True)
"""


@pytest.mark.timeout(400)
def test_of_two_processes_one_makes_the_data_and_the_other_waits(tmp_path):
    def start():
        command = [sys.executable, "-c", CODE, str(tmp_path)]
        processes.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8")
        )
        return processes[-1]

    processes: list[subprocess.Popen] = []
    try:
        first = start()
        assert first.stdout.readline() == "draws\n"
        second = start()
        waits = second.stdout.readline()
        assert waits == f"{tmp_path / 'nano'}: another process is making this data set; waiting for it\n"
        time.sleep(0.5)
        assert second.poll() is None
        (tmp_path / "go").touch()
        made, _ = first.communicate()
        found, _ = second.communicate()
        assert (first.returncode, second.returncode) == (0, 0), made + found
        assert made.startswith("5 ") and found == f"found\n{made}"  # the same weights: the VGG was trained once
        third = start()
        assert third.communicate()[0] == f"found\n{made}"  # nobody waits for what is there
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.timeout(200)
def test_a_script_without_a_main_guard_is_told_so(tmp_path):
    """Its worker processes run it from the top, and would wait for the lock of the process that waits for them."""
    script = tmp_path / "script.py"
    lines = ["from lgn_lite import prepare, toy"]
    lines += ['toy.SIZES["nano"] = {"train": 2, "val": 1, "test": 1, "test-composition": 1}']
    lines += [f"prepare.prepare_toy('nano', {str(tmp_path / 'data')!r}, workers=2)"]
    script.write_text("\n".join(lines), encoding="utf-8")
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, encoding="utf-8", timeout=150)
    assert ended.returncode != 0
    assert "if __name__ == '__main__'" in ended.stderr
