"""Toy-STA with its features, asked for by two processes at once: one makes it, the other waits and finds it."""

import errno
import fcntl
import os
import subprocess
import sys
import time

import pytest

from lgn_lite.cli import main as cli
from lgn_lite.features import FeatureStore
from lgn_lite.support import files
from lgn_lite.toy import build as toy
from lgn_lite.toy import encoder as prepare

# A data set of five videos, whose drawing waits for the file `go`; each process tells what it found when it began.
CODE = """
import pathlib, sys, time
from lgn_lite.features import FeatureStore
from lgn_lite.toy import encoder as prepare, build as toy

def build(folder, *arguments, **options):
    print("found" if (folder / "toy_sta.json").exists() else "draws", flush=True)
    while not (folder.parent / "go").exists():
        time.sleep(0.02)
    return toy.build_toy_sta(folder, *arguments, **options)

if __name__ == "__main__":
    toy.SIZES["nano"] = {"train": 2, "val": 1, "test": 1, "test-composition": 1}
    prepare.CONCEPT_FRAMES["nano"] = 64
    prepare.build_toy_sta = build
    made = prepare.make_toy(sys.argv[1], "nano", workers=0, progress=False)
    features = FeatureStore(made.features_file)
    print(len(features), features.attrs["weights"], flush=True)
"""


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_of_two_processes_one_makes_the_data_and_the_other_waits(tmp_path, nano, capsys):
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
        files = prepare.make_toy(tmp_path, "nano", workers=0, progress=False)
        assert made == f"5 {FeatureStore(files.features_file).attrs['weights']}\n"
        assert capsys.readouterr().err == ""  # nobody waits for what is there
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_script_without_a_main_guard_is_told_so(tmp_path):
    """Its worker processes run it from the top, and would wait for the lock of the process that waits for them."""
    script = tmp_path / "script.py"
    lines = ["from lgn_lite.toy import encoder as prepare, build as toy"]
    lines += ['toy.SIZES["nano"] = {"train": 2, "val": 1, "test": 1, "test-composition": 1}']
    lines += [f"prepare.make_toy({str(tmp_path / 'data')!r}, 'nano', workers=2)"]
    script.write_text("\n".join(lines), encoding="utf-8")
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, encoding="utf-8", timeout=150)
    assert ended.returncode != 0
    assert "if __name__ == '__main__'" in ended.stderr


@pytest.fixture
def nano(monkeypatch):
    monkeypatch.setitem(toy.SIZES, "nano", {"train": 2, "val": 1, "test": 1, "test-composition": 1})
    monkeypatch.setitem(prepare.CONCEPT_FRAMES, "nano", 64)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_hidden_and_half_written_files_are_passed_by(tmp_path, nano):
    made = prepare.make_toy(tmp_path, "nano", workers=0, progress=False)
    names = set(FeatureStore(made.features_file))
    made.features_file.unlink()
    for name in ("._A.mp4", "._toy-train-0000.mp4", ".toy-train-0008.123456.mp4"):
        (made.folder / "videos" / name).write_bytes(b"no video")
    half = made.folder / f".frames.lgn_lite-4194305-{files._machine()}-00000000.safetensors"
    half.touch()
    prepare.make_toy(tmp_path, "nano", workers=0, progress=False)
    assert set(FeatureStore(made.features_file)) == names and not half.exists()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_file_system_without_locks_is_no_hindrance(tmp_path, nano, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    made = prepare.make_toy(tmp_path, "nano", workers=0, progress=False)
    assert len(FeatureStore(made.features_file)) == 5


def test_what_is_in_the_way_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    for root, said in (
        (tmp_path / "file", "file/toy-sta: Not a directory; a file is in the way of a folder"),
        (tmp_path / ("x" * 300), "File name too long; choose a shorter name"),
    ):
        monkeypatch.setattr("sys.argv", ["lgn-lite", "data", "toy", "--size", "tiny", "--root", str(root)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr().err
        assert ended.value.code == 2 and said in told and told.count("\n") == 1
    for words, said in ((["--seed", "-1"], "seed -1: must not be below 0"), (["--size", "huge"], "choose one of tiny")):
        monkeypatch.setattr("sys.argv", ["lgn-lite", "data", "toy", "--root", str(tmp_path / "new"), *words])
        with pytest.raises(SystemExit):
            cli.main()
        assert said in capsys.readouterr().err and not (tmp_path / "new").exists()


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii"])
def test_the_tables_of_data_sets_go_to_files_of_any_encoding(tmp_path, encoding):
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHON"))}
    command = [sys.executable, "-m", "lgn_lite", "data", "status", "--root", str(tmp_path / "Daten ≥ é")]
    with (tmp_path / "out").open("wb") as out:
        environment = plain | {"PYTHONIOENCODING": encoding}
        ended = subprocess.run(command, env=environment, stdout=out, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 0, ended.stderr
    assert b"charades-sta/sentences-train" in (tmp_path / "out").read_bytes()
