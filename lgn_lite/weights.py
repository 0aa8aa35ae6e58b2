"""Weights that others have published: read safely, so that nothing in the file is executed."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from lgn_lite.errors import InputError


class _Skipped:
    """Stands for a NumPy number beside the weights, such as a score: read past, never made."""

    def __init__(self, *arguments: object):
        pass

    def __setstate__(self, state: object) -> None:
        pass


# What pickles of NumPy numbers name, before and since NumPy 2. torch knows a class by its module and name.
SKIPPED = [
    type(name, (_Skipped,), {"__module__": module})
    for module, name in (("numpy", "dtype"), ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"))
]


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict from a safetensors file or a torch checkpoint, old ones and Python 2's among them.

    The content tells which, not the name. Checkpoints that keep it under "state_dict" are unwrapped, and the
    "module." of parallel models is dropped from the names. Nothing in the file is executed. Raises InputError,
    naming the file, where it is missing or damaged, holds no tensors, or asks for code to be run.
    """
    try:
        with Path(path).open("rb") as file:
            head = file.read(9)
        if head[8:] == b"{":  # safetensors: the length of its header in eight bytes, then the header, JSON
            weights = load_file(path)
        else:
            with torch.serialization.safe_globals(SKIPPED), warnings.catch_warnings():
                # latin1 reads any byte: Python 2 pickled the bytes of numbers as text. torch warns that it ignores
                # the encoding, but heeds it.
                warnings.filterwarnings("ignore", "pickle_load_args")
                weights = torch.load(path, map_location="cpu", weights_only=True, encoding="latin1")
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror or error}); check the path") from error
    except Exception as error:  # a damaged file can make the reader stumble over anything
        if asked := re.search(r"GLOBAL (\S+)", str(error)):
            what = f"more than weights: reading it would run {asked[1]}; nothing was run"
            raise InputError(f"{path}: holds {what}; give a file of a state dict only") from error
        what = "is damaged, or no file of weights"
        raise InputError(f"{path}: {what} ({type(error).__name__}); fetch it again") from error
    if isinstance(weights, Mapping):
        weights = weights.get("state_dict", weights)
    items = weights.items() if isinstance(weights, Mapping) else ()
    tensors = {key: value for key, value in items if isinstance(key, str) and isinstance(value, Tensor)}
    if not tensors:
        raise InputError(f"{path}: holds no weights; give a state dict, or a checkpoint that holds one")
    return {re.sub(r"(^|\.)module\.", r"\1", key): value for key, value in tensors.items()}
