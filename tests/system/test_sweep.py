"""Sweeps with real schedulers, workers and kernels: one worker killed, Ctrl-C, what is done, skipped and run again."""

import _thread
import asyncio
import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import psutil
import pytest
from filelock import FileLock
from helpers.notebooks import Terminal, write_notebook
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from lgn_lite.cli import main as cli
from lgn_lite.errors import InputError
from lgn_lite.experiments import sweep as sweeps
from lgn_lite.experiments.grid import read_grid, run_names
from lgn_lite.experiments.progress import SweepProgress
from lgn_lite.experiments.schedule import slots
from lgn_lite.experiments.sweep import Sweep, local_cluster, running_cluster, worker_environments
from lgn_lite.experiments.worker import Job, run_in_process
from lgn_lite.support import files
from lgn_lite.support.processes import cpu_count

# A run writes who it is, starts a process as a training on several does, and waits for `go` if it is slow.
CELLS = (
    "import json, os, pathlib, subprocess, sys, time",
    "## The work",
    "with open('order.txt', 'a') as file:\n    print(seed, os.getpid(), file=file)",
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "pathlib.Path(f'.pids-{seed}').write_text(f'{os.getpid()} {child.pid}')\n"
    "pathlib.Path(f'.pids-{seed}').rename(f'pids-{seed}')\n"
    "while slow and not pathlib.Path('go').exists():\n    time.sleep(0.02)\n"
    "child.kill()\nchild.wait()",
    "assert seed != 3 or pathlib.Path('mended').exists(), 'not mended yet'",
    "folder = pathlib.Path(run_dir) / 'results'\nfolder.mkdir(exist_ok=True)\n"
    "gpu = os.environ.get('CUDA_VISIBLE_DEVICES')\n"
    "(folder / 'train.json').write_text(json.dumps({'seed': seed, 'gpu': gpu, 'cwd': os.getcwd()}))",
)


def limited(test):
    """Of a test that starts processes: it takes seconds, and one that hangs fails and shows where."""
    return pytest.mark.slow(pytest.mark.timeout(400)(test))


pytestmark = pytest.mark.usefixtures("ctrl_c_works")
PATIENCE = 100  # seconds for a process to do what the test waits for


@pytest.fixture
def project(tmp_path):
    """A project of one notebook; `project.sweep({...})` is a sweep in it."""
    write_notebook(
        tmp_path / "notebooks" / "train.ipynb", *CELLS, parameters="seed = 0\nslow = False\nrun_dir = 'nowhere'"
    )
    yield tmp_path
    for path in tmp_path.glob("pids-*"):  # a test that failed leaves no process behind
        for pid in map(int, path.read_text().split()):
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(pid).kill()


def sweep(project: Path, *seeds: int, slow=(), **options) -> Sweep:
    runs = {f"seed={seed}": {"seed": seed, "slow": seed in slow} for seed in seeds}
    return Sweep("notebooks/train.ipynb", runs, "runs/train", root=project, **options)


def quiet(total: int = 1) -> SweepProgress:
    return SweepProgress(Console(file=io.StringIO(), width=100), total)


def wait_for(condition, seconds: float = PATIENCE):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


def processes_of(project: Path, seed: int) -> list[psutil.Process]:
    """The kernel of a running notebook, and the process that it has started; the file that named them is gone."""
    path = project / f"pids-{seed}"
    wait_for(path.exists)
    found = [psutil.Process(int(pid)) for pid in path.read_text().split()]
    path.unlink()
    return found


def seconds_until_gone(processes: list[psutil.Process]) -> float:
    start = time.monotonic()
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert not alive
    return time.monotonic() - start


@contextlib.contextmanager
def meanwhile(work):
    """Do something while the test runs. If it fails the test ends at once: what the test waits for would never come."""
    failures = []

    def run():
        try:
            work()
        except BaseException as error:
            failures.append(error)
            _thread.interrupt_main()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
        thread.join(PATIENCE)
        assert not thread.is_alive()
    except KeyboardInterrupt:
        if not failures:
            raise
    if failures:
        raise failures[0]


def listening() -> set[tuple]:
    """The addresses that this process and those it has started take connections at."""
    this = psutil.Process()
    found = [c for process in [this, *this.children(recursive=True)] for c in process.net_connections("tcp")]
    return {tuple(connection.laddr) for connection in found if connection.status == psutil.CONN_LISTEN}


def order(project: Path) -> list[int]:
    return [int(line.split()[0]) for line in (project / "order.txt").read_text().splitlines()]


def saved(project: Path) -> dict:
    content = json.loads((project / "runs" / "train" / "sweep.json").read_text())
    assert content["notebook"] == "notebooks/train.ipynb"
    return content["runs"]


# ── a scheduler that runs already, and workers that are processes of their own ──────────────────────


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A scheduler and two workers on 127.0.0.1; gives its address."""
    folder = tmp_path_factory.mktemp("dask")
    with contextlib.ExitStack() as stack:

        def start(*arguments: str) -> psutil.Popen:
            log = stack.enter_context((folder / "log").open("a"))
            process = psutil.Popen([sys.executable, "-m", *arguments], stdout=log, stderr=log, cwd=folder)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        options = ("--host", "127.0.0.1", "--no-dashboard")
        contact = folder / "scheduler.json"
        start.scheduler = start(
            "distributed.cli.dask_scheduler", *options, "--port", "0", "--scheduler-file", str(contact)
        )
        for _ in range(2):
            worker = ("distributed.cli.dask_worker", "--scheduler-file", str(contact), *options)
            start(*worker, "--nthreads", "1", "--no-nanny")
        wait_for(lambda: contact.exists() and contact.read_text().endswith("}"))
        start.address = json.loads(contact.read_text())["address"]
        yield start


@limited
def test_a_killed_worker_costs_its_run_s_time_and_a_failing_notebook_only_itself(project, running):
    progress = quiet(3)
    planned = sweep(project, 0, 1, 3, slow=[0])
    died_within = []

    def kill_the_worker_of_seed_0():
        kernel, child = processes_of(project, 0)
        worker = kernel.parent().parent()
        assert "dask_worker" in " ".join(worker.cmdline())
        wait_for(lambda: {1, 3} <= set(order(project)))  # the others continue meanwhile
        worker.kill()
        died_within.append(seconds_until_gone([kernel, child]))
        (project / "go").touch()

    with meanwhile(kill_the_worker_of_seed_0), running_cluster(running.address) as client:
        wait_for(lambda: len(client.scheduler_info()["workers"]) == 2)
        planned.run(client, progress)
        assert died_within[0] < 10

        records = saved(project)
        assert {name: run["status"] for name, run in records.items()} == {
            "seed=0": "done", "seed=1": "done", "seed=3": "failed",
        }  # fmt: skip
        assert {name: run["tries"] for name, run in records.items()} == {"seed=0": 2, "seed=1": 1, "seed=3": 1}
        assert sorted(order(project)) == [0, 0, 1, 3]
        assert records["seed=0"]["seconds"] > 0 and records["seed=0"]["parameters"] == {"seed": 0, "slow": True}
        assert records["seed=3"]["error"] == "AssertionError: not mended yet"
        assert records["seed=3"]["where"].startswith("code cell 5 of 6 under “The work”")
        lines = progress.console.file.getvalue().splitlines()
        assert "seed=0: its worker is gone; it will start again on another" in lines
        assert any(line.startswith("[3/3] seed=") for line in lines)

        folder = project / "runs" / "train" / "seed=3"
        assert [path.name for path in (folder / "notebooks").iterdir()] == ["train.failed.ipynb"]
        folder = project / "runs" / "train" / "seed=0"
        assert json.loads((folder / "results" / "train.json").read_text())["cwd"] == str(project)
        assert json.loads((folder / "run.json").read_text())["notebooks"]["train"]["status"] == "done"
        environment = json.loads((folder / "environment.json").read_text())
        assert environment["packages"]["papermill"] and environment["python"].startswith("3.")

        # the same again: what failed is run again, what is done is not
        (project / "mended").touch()
        again = sweep(project, 0, 1, 3, slow=[0])
        assert again.waiting() == ["seed=3"]
        again.run(client, quiet())
        assert order(project)[4:] == [3] and {run["status"] for run in saved(project).values()} == {"done"}
        assert sweep(project, 0, 1, 3, slow=[0]).waiting() == []


@limited
def test_a_scheduler_that_goes_ends_the_sweep_and_its_notebooks(project, running, monkeypatch):
    def kill_the_scheduler():
        kernel, child = processes_of(project, 5)
        running.scheduler.kill()
        assert seconds_until_gone([kernel, child]) < 15

    monkeypatch.setattr(sweeps, "CONNECT_TIMEOUT", 3)
    with meanwhile(kill_the_scheduler), pytest.raises(ConnectionError), running_cluster(running.address) as client:
        sweep(project, 5, slow=[5]).run(client, quiet())
    assert saved(project)["seed=5"]["status"] == "interrupted"
    with pytest.raises(InputError, match=r"--scheduler tcp://.*: no scheduler answers there .*`dask scheduler`"):
        running_cluster(running.address).__enter__()


@contextlib.contextmanager
def answering(answer):
    """A server on 127.0.0.1 that hands each call to `answer`; gives its address for dask."""
    with socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as calls:

        def serve():
            with contextlib.suppress(OSError):  # the server is closed
                while True:
                    call = calls.enter_context(server.accept()[0])
                    answer(call)

        threading.Thread(target=serve, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda call: None, "TimeoutError after 0.5 s"),
        (lambda call: call.close(), ""),
        (lambda call: call.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), ""),
        (lambda call: threading.Thread(target=echo, args=(call,), daemon=True).start(), "is not a scheduler"),
    ],
)
def test_what_is_no_scheduler_is_given_up_in_one_line(monkeypatch, answer, reason):
    monkeypatch.setattr(sweeps, "CONNECT_TIMEOUT", 0.5)
    with answering(answer) as address, pytest.raises(InputError) as caught:
        running_cluster(address).__enter__()
    assert str(caught.value).startswith(f"--scheduler {address}: no scheduler answers there (")
    assert reason in str(caught.value) and "\n" not in str(caught.value)


def echo(call: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while sent := call.recv(10_000):
            call.sendall(sent)


@pytest.mark.parametrize("address", ["", "x", "tcp://", "tcp://127.0.0.1:port", "nonsense://x:1", "tls://127.0.0.1:1"])
def test_an_address_that_is_none_is_one_line(monkeypatch, address):
    monkeypatch.setattr(sweeps, "CONNECT_TIMEOUT", 0.5)
    with warnings.catch_warnings(), pytest.raises(InputError) as caught:
        warnings.simplefilter("ignore")
        running_cluster(address).__enter__()
    assert "no scheduler answers there" in str(caught.value) and "\n" not in str(caught.value)
    assert ("needs --tls-ca-file" in str(caught.value)) == address.startswith("tls://")


@pytest.mark.parametrize(
    ("address", "open_to_others"),
    [("tcp://192.0.2.1:8786", True), ("192.0.2.1:8786", True), ("tcp://[2001:db8::1]:8786", True),
     ("tcp://scheduler.invalid:8786", True), ("tcp://127.0.0.1:1", False), ("127.8.0.1:1", False),
     ("tcp://localhost:1", False), ("tcp://[::1]:1", False), ("tls://192.0.2.1:8786", False)],
)  # fmt: skip
def test_a_connection_that_others_can_read_is_warned_of_in_one_line(monkeypatch, address, open_to_others):
    async def nobody(*_):
        raise OSError("nobody")

    monkeypatch.setattr(sweeps, "_identity", nobody)
    with warnings.catch_warnings(record=True) as caught_warnings, pytest.raises(InputError, match="nobody"):
        warnings.simplefilter("always")
        running_cluster(address).__enter__()
    lines = [str(warning.message) for warning in caught_warnings if "without TLS" in str(warning.message)]
    assert len(lines) == open_to_others and not any("\n" in line for line in lines)


@limited
def test_a_scheduler_with_tls_lets_in_who_has_the_files(tmp_path, monkeypatch):
    from distributed.security import Security

    made = Security.temporary()
    files = {"ca": made.tls_ca_file, "cert": made.tls_client_cert, "key": made.tls_client_key}
    for name, pem in files.items():
        (tmp_path / f"{name}.pem").write_text(pem)
    paths = {name: str(tmp_path / f"{name}.pem") for name in files}
    options = ["--tls-ca-file", paths["ca"], "--tls-cert", paths["cert"], "--tls-key", paths["key"]]
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--protocol", "tls", "--host", "127.0.0.1"]
    contact = tmp_path / "scheduler.json"
    command += ["--port", "0", "--no-dashboard", "--scheduler-file", str(contact), *options]
    with (tmp_path / "log").open("w") as log, psutil.Popen(command, stdout=log, stderr=log, cwd=tmp_path) as process:
        try:
            wait_for(lambda: contact.exists() and contact.read_text().endswith("}"))
            address = json.loads(contact.read_text())["address"]
            with running_cluster(address, **paths) as client:
                assert client.scheduler_info()["address"] == address
            monkeypatch.setattr(sweeps, "CONNECT_TIMEOUT", 3)
            for options, message in (
                ({}, "needs --tls-ca-file"),
                ({"ca": paths["ca"]}, "belong together"),
                (paths | {"key": str(tmp_path / "no.pem")}, r"no\.pem: no such file"),
                (paths | {"cert": str(contact)}, "no scheduler answers there"),
            ):
                with pytest.raises(InputError, match=message):
                    running_cluster(address, **options).__enter__()
            with pytest.raises(InputError, match="begins with tls://"):
                running_cluster(address.replace("tls", "tcp"), **paths).__enter__()
        finally:
            process.kill()


# ── a local cluster ───────────────────────────────────────────────────────────────────────────


@limited
def test_local_runs_go_side_by_side_each_with_its_gpu_and_a_killed_worker_comes_back(project):
    killed = []

    def kill_both_workers_once():
        kernels = [processes_of(project, seed)[0] for seed in (1, 2)]  # each waits: so they run at the same time
        for worker in [kernel.parent().parent() for kernel in kernels]:
            worker.kill()
            killed.append(worker.pid)
        [processes_of(project, seed) for seed in (1, 2)]  # they have started again
        (project / "go").touch()

    planned, before, variables = sweep(project, 1, 2, slow=[1, 2]), listening(), dict(os.environ)
    with meanwhile(kill_both_workers_once), local_cluster(2, ["3", "5"]) as client:
        assert {slots(worker, 1) for worker in client.scheduler_info()["workers"].values()} == {1}
        assert {address for address, _ in listening() - before} == {"127.0.0.1"}
        assert_closed_to_others(client, listening() - before)
        planned.run(client, quiet(2), gpus=1)
        assert not set(killed) & set(client.run(os.getpid).values())
    assert {run["status"] for run in saved(project).values()} == {"done"}
    results = [json.loads(path.read_text()) for path in project.glob("runs/train/*/results/train.json")]
    assert {result["gpu"] for result in results} == {"3", "5"}
    assert os.environ.get("OMP_NUM_THREADS") == variables.get("OMP_NUM_THREADS")  # the workers' are theirs alone


def assert_closed_to_others(client, ports: set[tuple]) -> None:
    """No port of a local cluster takes calls of a process without its certificate, nor shows anything to a browser."""
    from distributed.security import Security

    info = client.scheduler_info()
    addresses = [info["address"], *info["workers"], *(worker["nanny"] for worker in info["workers"].values())]
    assert all(address.startswith("tls://127.0.0.1:") for address in addresses)
    for address, security in ((addresses[0], Security.temporary()), (addresses[1], Security.temporary())):
        with pytest.raises(OSError):
            asyncio.run(sweeps._identity(address, security))
    for host, port in ports:
        with socket.create_connection((host, port), timeout=20) as stranger:
            stranger.settimeout(20)
            with contextlib.suppress(OSError):  # a TLS port ends the call
                stranger.sendall(b"GET /info/main/workers.html HTTP/1.0\r\n\r\n")
                answer = stranger.recv(1000)
                assert not answer or b" 404 " in answer or answer[:1] == b"\x15", answer  # 0x15: TLS's alert


@limited
def test_a_local_worker_that_was_given_up_is_replaced(project, monkeypatch):
    def kill_its_worker():
        kernel, _ = processes_of(project, 1)
        kernel.parent().parent().kill()
        processes_of(project, 1)  # it has started again
        (project / "go").touch()

    monkeypatch.setattr(sweeps, "LOST", "1 ms")  # no worker starts in so short a time
    with meanwhile(kill_its_worker), local_cluster(1) as client:
        sweep(project, 1, slow=[1]).run(client, quiet())
    assert saved(project)["seed=1"]["tries"] == 2


@limited
def test_ctrl_c_in_a_terminal_stops_all_and_the_same_command_resumes(project, monkeypatch):
    (project / "grid.yaml").write_text("list:\n  - {seed: 1}\n  - {seed: 2, slow: true}\n")
    code = "from pathlib import Path; from lgn_lite.cli import main as cli; from lgn_lite.support import files\n"
    code += "files.project_root = Path.cwd"
    (project / "command.py").write_text(f"{code}\nif __name__ == '__main__':\n    cli.main()\n")
    command = [sys.executable, "command.py", "sweep", "train", "grid.yaml", "--workers", "1", "--gpus", "0"]
    output = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with subprocess.Popen(command, cwd=project, start_new_session=True, **output) as process:
        try:
            kernel, child = processes_of(project, 2)
            family = psutil.Process(process.pid).children(recursive=True)
            os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all
            printed, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == 130
    assert printed.splitlines()[-1].startswith("Stopped. What is done stays; resume with: lgn-lite sweep train")
    assert "Traceback" not in printed and "[1/2] seed=1: done after" in printed
    seconds_until_gone([kernel, child, *family])
    assert {name: run["status"] for name, run in saved(project).items()} == {
        "seed=1": "done", "seed=2-slow=true": "interrupted",
    }  # fmt: skip
    entry = json.loads((project / "runs/train/seed=2-slow=true/run.json").read_text())["notebooks"]["train"]
    assert (entry["status"], entry["where"]) == ("interrupted", "code cell 4 of 6 under “The work”")

    (project / "go").touch()
    monkeypatch.setattr(files, "project_root", lambda: project)
    monkeypatch.chdir(project)
    done = CliRunner().invoke(cli.app, command[2:])
    assert done.exit_code == 0, done.output
    assert "2 runs, 1 done, 1 to do (1 interrupted before)" in done.output
    assert "2 of 2 runs done, 0 failed" in done.output
    assert order(project) == [1, 2, 2]


# ── the process of a run ──────────────────────────────────────────────────────────────────────


def job(project: Path, seed: int) -> Job:
    return Job("x", "notebooks/train.ipynb", f"runs/{seed}", str(project), {"seed": seed, "slow": True})


@limited
def test_a_run_that_is_no_longer_needed_ends_with_all_that_it_started(project):
    cells, gone = [], threading.Event()

    def unwanted():
        processes = processes_of(project, 1)
        gone.set()
        seconds_until_gone(processes)

    with meanwhile(unwanted):
        end = run_in_process(job(project, 1), lambda: not gone.is_set(), cells.append)
    assert (end["status"], end["where"]) == ("interrupted", "train, code cell 4 of 6 under “The work”")
    assert cells[-1] == {"cell": 4, "cells": 6, "heading": "The work"}


@limited
def test_a_run_s_process_that_is_killed_is_a_failure_and_takes_the_kernel_along(project):
    def kill():
        kernel, left = processes_of(project, 1)
        kernel.parent().kill()
        assert seconds_until_gone([kernel]) < 10
        left.kill()  # only the end of the pipe takes along what a kernel has started

    with meanwhile(kill):
        end = run_in_process(job(project, 1), lambda: True, lambda event: None)
    assert end["status"] == "failed" and "killed by signal 9, often because memory ran out" in end["error"]


@limited
def test_a_run_waits_for_the_one_before_it_in_the_same_folder_and_is_then_known_as_done(project):
    (project / "runs" / "train" / "seed=1").mkdir(parents=True)
    lock = FileLock(project / "runs" / "train" / "seed=1" / ".lock", thread_local=False)
    lock.acquire()
    assert sweep(project, 1).records["seed=1"]["status"] == "new"

    def release():
        time.sleep(2.5)  # more than the process takes to begin
        assert not (project / "order.txt").exists()
        lock.release()

    with meanwhile(release):
        end = run_in_process(sweep(project, 1).job("seed=1"), lambda: True, lambda event: None)
    assert end["status"] == "done" and end["seconds"] > 0
    assert sweep(project, 1).records["seed=1"]["status"] == "done"
    assert sweep(project, 1).waiting() == [] and sweep(project, 1, force=True).waiting() == ["seed=1"]
    with_other_parameters = sweep(project, 1, slow=[1]).records["seed=1"]
    assert with_other_parameters == {"parameters": {"seed": 1, "slow": True}, "status": "changed"}


# ── the grid file ─────────────────────────────────────────────────────────────────────────────


def read(tmp_path: Path, text: str, more=None) -> dict:
    (tmp_path / "grid.yaml").write_text(text)
    return read_grid(tmp_path / "grid.yaml", more)


def test_a_grid_is_all_combinations_and_a_list_is_itself(tmp_path):
    grid = read(tmp_path, "grid: {seed: [0, 1], rate: [1e-3, null]}\nfixed: {size: tiny}", {"profile": "smoke"})
    fixed = {"size": "tiny", "profile": "smoke"}
    assert grid == {
        "seed=0-rate=0.001": {"seed": 0, "rate": 0.001} | fixed,
        "seed=0-rate=null": {"seed": 0, "rate": None} | fixed,
        "seed=1-rate=0.001": {"seed": 1, "rate": 0.001} | fixed,
        "seed=1-rate=null": {"seed": 1, "rate": None} | fixed,
    }
    runs = read(tmp_path, "list: [{seed: 0}, {variants: [full, late]}, {}]")
    assert runs == {"seed=0": {"seed": 0}, "variants=full+late": {"variants": ["full", "late"]}, "defaults": {}}


def test_words_that_older_yaml_takes_for_booleans_stay_words(tmp_path):
    found = read(tmp_path, "grid: {precision: [no, bf16], on: [Yes, true, False]}")
    assert [tuple(run.values()) for run in found.values()] == [
        ("no", "Yes"), ("no", True), ("no", False), ("bf16", "Yes"), ("bf16", True), ("bf16", False),
    ]  # fmt: skip
    assert list(found)[:2] == ["precision=no-on=Yes", "precision=no-on=true"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no keys; write runs such as"),
        ("grid: [", "grid.yaml:1: not YAML"),
        ("grid: {seed: [0], seed: [1]}", "grid.yaml:1: not YAML: the key 'seed' is there twice"),
        ("seed: [0, 1]", "seed: no such key; write parameters under grid:"),
        ("fixed: {seed: 0}", "neither grid: nor list:"),
        ("grid: {seed: [0]}\nlist: [{seed: 0}]", "both grid: and list:"),
        ("grid: {}", "grid: is empty"),
        ("grid: {seed: 3}", "grid: seed: has to be a list of values"),
        ("grid: {seed: []}", "grid: seed: has to be a list of values"),
        ("grid: {seed: [1, 2, 1]}", "grid: runs 1 and 3 are the same, {\"seed\": 1}"),
        ("grid: {a-b: [1]}", "grid: 'a-b' is not a parameter's name"),
        ("grid: {day: [2026-01-01]}", "grid: day: a value that JSON cannot hold"),
        ("list: {seed: 1}", "list: has to hold the parameters of each run"),
        ("list: [{seed: 1}, 2]", "list: entry 2: has to hold parameters"),
        ("grid: {seed: [1]}\nfixed: {seed: 2}", "seed: in fixed: (or -p) and in grid: too"),
        ("grid: {rate: [.nan]}", "grid: rate: a value that JSON cannot hold, nan"),
        ("grid: {rate: [1, [.inf]]}", "grid: rate: a value that JSON cannot hold, inf"),
        ("list: [{rate: 1e999}]", "list: entry 1: rate: a value that JSON cannot hold, inf"),
        ("grid: {seed: [0]}\nfixed: {when: 2026-01-01}", "fixed: when: a value that JSON cannot hold, 2026-01-01"),
        ("grid: {seed: [{1: 2}]}", "grid: seed: a key that JSON cannot hold, 1"),
        ("grid: {seed: [0]}\nfixed: []", "fixed: has to hold parameters with their values"),
        ("grid: {seed: [0]}\nfixed: 0", "fixed: has to hold parameters with their values"),
        ("grid:\n  seed: !!set {a}", "grid.yaml:2: not YAML: the tag !!set"),
        ("grid: !!python/object/apply:os.system [x]", "grid.yaml:1: not YAML: the tag !!python/object"),
        ("grid:\n  ? [a]\n  : [1]", "grid.yaml:2: not YAML: a list or a mapping as a key"),
        ("grid: {[a, b]: [1]}", "grid.yaml:1: not YAML: a list or a mapping as a key"),
        ("grid: &g {seed: [*g]}", "grid.yaml:1: not YAML: the alias *g"),
        ("grid: {? {a: 1} : [1]}", "grid.yaml:1: not YAML: a list or a mapping as a key"),
        ("1: 2", "1: no such key"),
        ("grid: {1: [2]}", "grid: 1 is not a parameter's name"),
        ("grid: {" + ", ".join(f"{c}: [0,1,2,3,4,5,6,7,8,9]" for c in "abcdefghi") + "}",
         "makes 1,000,000,000 runs; at most 10,000"),
        ("grid: {" + ", ".join(f"p{n}: [0,1,2,3,4,5,6,7,8,9]" for n in range(5000)) + "}",
         "makes more than 10^15 runs; at most 10,000"),
        ("list: [" + "{}, " * 10_001 + "]", "makes 10,001 runs; at most 10,000"),
        (f"grid: {{a: {list(range(100))}, b: {list(range(100))}}}\nfixed: {{text: {'x' * 20_000}}}",
         "10,000 runs with parameters of up to 20,0"),
        ("a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(f"{d}: &{d} [{','.join([f'*{c}'] * 10)}]\n"
         for c, d in zip("abcdefghi", "bcdefghij", strict=True)), "more than 1,000,000 values"),
    ],
)  # fmt: skip
def test_a_bad_grid_names_the_file_the_key_and_the_remedy(tmp_path, text, message):
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "grid.yaml")) and message in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400 + len(str(tmp_path))
    with pytest.raises(InputError, match=r"absent\.yaml: no such file"):
        read_grid(tmp_path / "absent.yaml")


def test_a_pipe_a_folder_and_a_file_of_bytes_are_no_grid(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "bytes").write_bytes(b"grid: {a: [\xff]}")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "bytes"):
        with pytest.raises(InputError, match=r"^[^\n]*; write the grid"):
            read_grid(path)


values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=200)
rows = st.dictionaries(st.sampled_from(["seed", "Seed", "variants"]), values | st.lists(values, max_size=3))


@given(st.lists(rows, unique_by=lambda row: json.dumps(row, sort_keys=True), max_size=20))
def test_names_of_runs_are_folders_that_differ_everywhere(rows):
    names = run_names(rows)
    assert len({name.casefold() for name in names}) == len(rows)
    for name in names:
        assert 0 < len(name) <= 100 and name.isascii() and name[0].isalpha()
        assert not set(name) & set('/\\:*?"<>| \n')
    assert run_names([*rows, {"other": 1}])[:-1] == names  # more runs leave the names as they are


def test_similar_values_have_names_that_differ():
    names = run_names([{"s": 1}, {"s": "1"}, {"s": "a"}, {"s": "A"}, {"s": ["a", "b"]}, {"s": "a+b"}, {"s": "../x"}])
    assert names[0] == "s=1" and names[2] == "s=a" and names[4] == "s=a+b"
    for name, begin in zip(names[1::2], ("s=1-", "s=A-", "s=a+b-"), strict=True):
        assert name.startswith(begin) and len(name) == len(begin) + 8


# ── what goes where, and what is reported ─────────────────────────────────────────────────────────


def test_workers_share_cores_and_gpus(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    on_gpus = worker_environments(3, ["0", "7"], cores=8)
    assert [found["CUDA_VISIBLE_DEVICES"] for found in on_gpus] == ["0", "7", "0"]
    assert {found["OMP_NUM_THREADS"] for found in on_gpus} == {"2"}
    assert worker_environments(4, [], cores=2)[3]["CUDA_VISIBLE_DEVICES"] == ""
    assert worker_environments(4, [], cores=2)[3]["PYTHON_CPU_COUNT"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.setenv("PYTHON_CPU_COUNT", "8")
    assert worker_environments(4, [], cores=8)[0]["OMP_NUM_THREADS"] == "5"  # what the user has chosen
    assert worker_environments(4, [], cores=8)[0]["PYTHON_CPU_COUNT"] == "2"  # a share of what all may use


def test_the_share_of_the_cores_counts_if_no_other_is_requested(monkeypatch):
    monkeypatch.setenv("PYTHON_CPU_COUNT", "7")
    assert cpu_count() == 7
    for nothing in ("", "0", "many"):
        monkeypatch.setenv("PYTHON_CPU_COUNT", nothing)
        assert 1 <= cpu_count() <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("threads", "offered", "requested", "runs"), [(4, 2, 1, 2), (1, 8, 2, 1), (3, 0, 0, 3), (3, 0, 1, 0)]
)
def test_slots_of_a_worker(threads, offered, requested, runs):
    assert slots({"nthreads": threads, "resources": {"GPU": float(offered)} if offered else {}}, requested) == runs


def test_one_sweep_in_a_folder_at_a_time(project):
    (project / "runs" / "train").mkdir(parents=True)
    lock = FileLock(project / "runs" / "train" / ".lock")
    with lock, pytest.raises(InputError, match="another process is running this sweep already"):
        sweep(project, 1).run(None, quiet())


def test_a_damaged_record_of_a_run_is_named_and_not_the_grid(command, project):
    (project / "runs" / "train" / "seed=1").mkdir(parents=True)
    for content in ("{", "null", '{"notebooks": {"train": null}}', '{"notebooks": {"train": {"status": 3}}}'):
        (project / "runs" / "train" / "seed=1" / "run.json").write_text(content)
        done = command("grid.yaml", "--dry-run")
        assert isinstance(done.exception, InputError) and "grid.yaml" not in str(done.exception)
        assert f"seed=1{os.sep}run.json: not the record of a run" in str(done.exception)
    (project / "notebooks" / "train.ipynb").write_text("{")
    with pytest.raises(InputError, match=r"train\.ipynb: not a notebook") as caught:
        command("grid.yaml", "--dry-run", catch_exceptions=False)
    assert "grid.yaml" not in str(caught.value)


def test_a_sweep_in_a_run_s_folder_and_values_that_no_file_holds_are_refused(project):
    with pytest.raises(InputError, match="seed=1: the parameter slow: a value that JSON cannot hold, nan"):
        Sweep("notebooks/train.ipynb", {"seed=1": {"slow": float("nan")}}, "runs/train", root=project)
    (project / "runs" / "train").mkdir(parents=True)
    (project / "runs" / "train" / "run.json").write_text("{}")
    with pytest.raises(InputError, match="holds a run"):
        sweep(project, 1)


def test_a_long_error_of_a_notebook_is_a_line_in_the_log():
    console = Console(file=io.StringIO(), width=30)
    with SweepProgress(console, 1) as progress:
        progress.ended("seed=1", {"status": "failed", "seconds": 1.0, "error": "E: " + "x" * 10**6 + "\nmore"})
    (line,) = console.file.getvalue().splitlines()
    assert len(line) < 400


def play(console: Console) -> None:
    with SweepProgress(console, 3, done_before=1) as progress:
        progress.slots(0)
        progress.slots(2)
        progress.started("seed=1")
        progress.cell("seed=1", {"cell": 2, "cells": 5, "heading": "Train"})
        progress.started("seed=2")
        progress.lost("seed=2")
        progress._bars.refresh()
        progress.ended("seed=2", {"status": "failed", "seconds": 65.0, "error": "ValueError: [red]no[/red]"})
        progress.ended("seed=1", {"status": "done", "seconds": 1.0})
        progress.stopping(1)


def test_a_log_gets_a_line_for_each_start_and_end():
    console = Console(file=io.StringIO(), width=30)
    play(console)
    assert console.file.getvalue().splitlines() == [
        "no worker has a free slot for a run: waiting for one (Ctrl-C stops)",
        "seed=1: started",
        "seed=2: started",
        "seed=2: its worker is gone; it will start again on another",
        "[2/3] seed=2: failed after 1 min 05 s: ValueError: [red]no[/red]",
        "[3/3] seed=1: done after 1.0 s",
        "stopping 1 running notebook …",
    ]


def test_a_terminal_gets_a_bar_for_all_and_one_for_each_running_notebook():
    console = Console(file=Terminal(), width=80, force_terminal=True, color_system=None)
    play(console)
    shown = console.file.getvalue()
    assert "runs, 2 at once" in shown and "1/3" in shown and "seed=1 · Train" in shown and "1/5" in shown
    assert "✗ seed=2  1 min 05 s: ValueError: [red]no[/red]" in shown and "✓ seed=1  1.0 s" in shown


# ── the command ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def command(project, monkeypatch):
    monkeypatch.setattr(files, "project_root", lambda: project)
    monkeypatch.chdir(project)
    (project / "grid.yaml").write_text("grid: {seed: [0, 1]}")
    return lambda *words, **options: CliRunner().invoke(cli.app, ["sweep", "train", *words], **options)


def test_a_dry_run_lists_the_runs_and_writes_nothing(command, project):
    done = command("grid.yaml", "--dry-run", "-p", "slow=true", "--name", "x")
    assert done.exit_code == 0
    assert done.output.splitlines() == ["runs/x: 2 runs, 0 done, 2 to do", "  seed=0: new", "  seed=1: new"]
    assert not (project / "runs").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["absent.yaml"], "absent.yaml: no such file"),
        (["grid.yaml", "-p", "sed=1"], "grid.yaml: no notebook of this run has a parameter 'sed'"),
        (["grid.yaml", "-p", "run_dir=x"], "run_dir is the run's own folder"),
        (["grid.yaml", "-p", "seed=1"], "seed: in fixed: (or -p) and in grid: too"),
        (["grid.yaml", "--name", "a/b"], "not a path"),
        (["grid.yaml", "--name", ""], "is empty"),
        (["grid.yaml", "--name", " "], "is empty"),
        (["grid.yaml", "--name", "."], "not a path"),
        (["grid.yaml", "--runs-dir", ""], "an empty path"),
        (["grid.yaml", "-p", "slow=.inf"], "JSON cannot hold, inf"),
        (["grid.yaml", "-p", "slow=1", "-p", "slow=2"], "slow is given twice"),
        (["grid.yaml", "--tls-key", "x"], "these are for a --scheduler"),
        (["grid.yaml", "--scheduler", "tls://127.0.0.1:1", "--tls-key", "x"], "belong together"),
        (["grid.yaml", "--scheduler", "tcp://127.0.0.1:1", "--workers", "2"], "--workers is for the local cluster"),
        (["grid.yaml", "--gpus", "2"], "--gpus: a local run takes one GPU or none"),
        (["grid.yaml", "--gpus", "1"], "this machine has no GPU"),
        (["grid.yaml", "--scheduler", "nonsense://x"], "--scheduler nonsense://x: no scheduler answers there"),
    ],
)  # fmt: skip
def test_bad_input_is_reported_before_anything_starts(command, project, monkeypatch, words, message):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    done = command(*words)
    assert isinstance(done.exception, InputError) and message in str(done.exception)
    assert not (project / "runs").exists()
