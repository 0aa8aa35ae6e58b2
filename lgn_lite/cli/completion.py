"""What the shell completes once `lgn-lite --install-completion` has run: the names that commands take.

Functions for typer's `autocompletion`. They import only what is light: somebody waits for them with a finger on Tab.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import typer

from lgn_lite.errors import InputError

Found = list[tuple[str, str]]  # what is completed, and a word on it, which zsh, fish and PowerShell show


def notebooks(incomplete: str) -> Found:
    """The notebooks' numbers; their names, where more than a number is typed."""
    from lgn_lite.support.files import notebook_number

    found = [(notebook_number(path) or path.stem, path.stem) for path in _notebooks()]
    return _beginning(incomplete, [(name, "") for _, name in found] if "_" in incomplete else found)


def parameters(ctx: typer.Context, incomplete: str) -> Found:
    """The parameters of the notebooks that are given, or of all."""
    import nbformat

    from lgn_lite.experiments.parameters import declared_names

    given = ctx.args or [""]  # an option without its value is as far as typer's reading comes
    found: dict[str, str] = {}
    for path in _notebooks():
        if any(path.stem.startswith(Path(name).stem) for name in given):
            for name in declared_names(nbformat.read(path, as_version=4), path):
                found.setdefault(f"{name}=", f"of {path.stem}")
    return _beginning(incomplete, found.items())


def runs(incomplete: str) -> Found:
    """The folders of runs, by their names below runs/."""
    with suppress(InputError):
        found = sorted((_root() / "runs").glob("*/run.json"))
        return _beginning(incomplete, [(path.parent.name, "") for path in found])
    return []


def checkpoints(incomplete: str) -> Found:
    """The best checkpoints of trainings and runs below runs/; the shell completes other paths itself."""
    found = [path for pattern in ("*/best", "*/models*/*/best") for path in Path("runs").glob(pattern) if path.is_dir()]
    return _beginning(incomplete, [(path.as_posix(), "") for path in sorted(found)])


def encoders(incomplete: str) -> Found:
    """The frame encoders with a name; the shell completes files itself."""
    return _beginning(incomplete, [("clip", "ViT-B/32"), ("vgg16", "ImageNet")])


def data_sets(incomplete: str) -> Found:
    from lgn_lite.downloads.registry import DATA_SETS, TOY

    return _beginning(incomplete, [(name, "") for name in (TOY, *DATA_SETS)])


def assets(incomplete: str) -> Found:
    """What `lgn-lite data get` takes: data sets, and single assets."""
    from lgn_lite.downloads.registry import ASSETS, DATA_SETS

    return _beginning(incomplete, [(name, "all of it") for name in DATA_SETS] + [(a.name, a.what) for a in ASSETS])


def splits(incomplete: str) -> Found:
    return _beginning(incomplete, [("train", ""), ("val", ""), ("test", ""), ("test-composition", "of Toy-STA")])


def sizes(incomplete: str) -> Found:
    from lgn_lite.toy.build import SIZES

    return _beginning(incomplete, [(size, f"{sum(parts.values()):,} videos") for size, parts in SIZES.items()])


def presets(incomplete: str) -> Found:
    from lgn_lite.config import PRESETS

    return _beginning(incomplete, [(name, "") for name in PRESETS])


def variants(incomplete: str) -> Found:
    from lgn_lite.config import VARIANTS

    return _beginning(incomplete, [(name, "") for name in VARIANTS])


def settings(incomplete: str) -> Found:
    """The settings of the model, each with its comment."""
    from lgn_lite.config import LGNConfig

    rows = [row for group in LGNConfig().table().values() for row in group]
    return _beginning(incomplete, [(f"{name.removesuffix(' *')}=", meaning) for name, _, meaning in rows])


def training_settings(incomplete: str) -> Found:
    from lgn_lite.config import TrainSettings

    found = [(f"{field.name}=", f"by default {field.default}") for field in fields(TrainSettings)]
    return _beginning(incomplete, found)


def _beginning(incomplete: str, found: Iterable[tuple[str, str]]) -> Found:
    return [pair for pair in found if pair[0].startswith(incomplete)]


def _notebooks() -> list[Path]:
    with suppress(InputError):
        return sorted(path for path in (_root() / "notebooks").glob("[!.]*.ipynb"))
    return []


def _root() -> Path:
    from lgn_lite.support.files import project_root

    return project_root()
