"""Processes that run a few lines of Python until a test ends them."""

import subprocess
import sys


def start(code, *arguments):
    """A process that says "ready" and then lives until it is killed or its standard input closes."""
    command = [sys.executable, "-c", f"import sys\n{code}", *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    assert process.stdout.readline() == "ready\n"
    return process


def end(process):
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
