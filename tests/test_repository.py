"""What is not code: tested versions, workflows, the documents for contributors, the citation."""

import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def name_of(requirement: str) -> str:
    """The package of a requirement such as "urllib3>=2.2"."""
    return re.match(r"[\w.-]+", requirement)[0]


def test_uv_and_conda_install_the_same_versions():
    """uv takes constraints from pyproject.toml alone, pip and conda from a file; one command writes both."""
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()[1:]
    assert PROJECT["tool"]["uv"]["constraint-dependencies"] == pins, "run: uv run --no-project .ci/pins.py"
    conda = YAML(typ="safe").load(ROOT / "environment.yml")["dependencies"][-1]["pip"]
    assert conda[:2] == ["--constraint constraints.txt", "--editable ."]
    assert set(conda[2:]) == {name_of(line) for line in PROJECT["dependency-groups"]["dev"]}


def test_the_packages_of_an_extra_are_there_for_its_tests():
    for extra in PROJECT["project"]["optional-dependencies"].values():
        assert set(extra) <= set(PROJECT["dependency-groups"]["dev"])


def test_pins_are_written_as_uv_resolves_them():
    script = runpy.run_path(ROOT / ".ci" / "pins.py")
    resolved = """
absl-py==2.5.1
appnope==1.0.0 ; sys_platform == 'darwin'
nvidia-nvtx==13.2.86 ; sys_platform == 'linux'
numpy==2.4.6 ; python_full_version < '3.12'
numpy==2.5.5 ; python_full_version >= '3.12'
"""
    pins = ["absl-py==2.5.1", "appnope==1.0.0"]
    pins += ["numpy==2.4.6 ; python_full_version < '3.12'", "numpy==2.5.5 ; python_full_version >= '3.12'"]
    assert script["versions"](resolved) == pins
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    written = tomllib.loads(script["with_pins"](text, pins))
    assert written["tool"]["uv"].pop("constraint-dependencies") == pins
    rest = tomllib.loads(text)
    del rest["tool"]["uv"]["constraint-dependencies"]
    assert written == rest


def test_the_citation_is_of_this_version():
    citation = YAML(typ="safe").load(ROOT / "CITATION.cff")
    assert citation["cff-version"] == "1.2.0" and citation["title"].startswith("lgn_lite")
    assert (citation["version"], citation["license"]) == (PROJECT["project"]["version"], PROJECT["project"]["license"])


def test_contributing_names_files_that_exist():
    for path in re.findall(r"`((?:lgn_lite|tests|notebooks|data_scripts|\.ci)/[\w./]+)`", CONTRIBUTING):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"pytest -n 0 (tests/.+)", CONTRIBUTING):
        assert all((ROOT / word).exists() for word in path.split()), path


def workflow_steps() -> list[str]:
    """Every shell line of the workflows."""
    found = []
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        for job in YAML(typ="safe").load(path)["jobs"].values():
            found += [step["run"] for step in job["steps"] if "run" in step]
    return found


def test_a_workflow_runs_every_test():
    assert ".ci/run" in workflow_steps()


COMMANDS = sorted(set(re.findall(r"uv run (lgn-lite(?: [a-z]+)+)", "\n".join([CONTRIBUTING, *workflow_steps()]))))


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_contributors_and_workflows_exist(command):
    words = [sys.executable, "-m", "lgn_lite", *command.split()[1:], "--help"]
    done = subprocess.run(words, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
