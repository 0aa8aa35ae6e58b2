"""Write the tested versions to constraints.txt, for pip and conda, and to pyproject.toml, for uv, which takes no file.

    uv run --no-project .ci/pins.py              # after a change of dependencies: what has a version keeps it
    uv run --no-project .ci/pins.py --upgrade    # the newest of everything; options go to `uv pip compile`

Run the tests with them (`uv run pytest`) before you commit. Where it can, one version of a package serves every Python
from 3.11 on and every system. NVIDIA's packages follow torch, which names theirs exactly.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADER = "# The versions that the course and its tests were run with, by .ci/pins.py. NVIDIA's packages follow torch.\n"
# --no-config: else uv would resolve within the versions that pyproject.toml holds already
COMPILE = "uv pip compile --quiet --no-config --universal --fork-strategy fewest --python-version 3.11 --group dev"


def versions(text: str) -> list[str]:
    """The pins of what uv has written, each with its marker only where a package has more than one version.

    Of a single version the marker says no more than who needs the package, and resolving without it is simpler.
    """
    pins = re.findall(r"^([\w.-]+)(==[^\s;]+)( ;.*)?$", text, re.MULTILINE)
    count = Counter(name for name, _, _ in pins)
    return [
        name + version + (marker if count[name] > 1 else "")
        for name, version, marker in pins
        if not name.startswith(("nvidia-", "cuda-"))
    ]


def with_pins(project: str, pins: list[str]) -> str:
    """pyproject.toml's text with these constraints for uv."""
    lines = "".join(f'    "{pin}",\n' for pin in pins)
    return re.sub(
        r"(?m)^constraint-dependencies = \[\n[^\]]*\]", lambda _: f"constraint-dependencies = [\n{lines}]", project
    )


def main() -> None:
    constraints, project = ROOT / "constraints.txt", ROOT / "pyproject.toml"
    command = [*COMPILE.split(), "pyproject.toml", "--output-file", "constraints.txt", *sys.argv[1:]]
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)
    pins = versions(constraints.read_text(encoding="utf-8"))
    constraints.write_text(HEADER + "\n".join(pins) + "\n", encoding="utf-8")
    project.write_text(with_pins(project.read_text(encoding="utf-8"), pins), encoding="utf-8")


if __name__ == "__main__":
    main()
