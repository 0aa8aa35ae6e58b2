"""Weights that others have published: read safely, so that nothing in the file is executed."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from lgn_lite.errors import InputError


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict from a safetensors file or a torch checkpoint, with torchvision's names.

    Checkpoints that keep it under "state_dict", and names with "module.", are unwrapped. Nothing in the
    file is executed. Raises InputError, naming the file.
    """
    try:
        if Path(path).suffix == ".safetensors":
            weights = load_file(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise InputError(f"{path}: cannot be read as weights ({error})") from error
    weights = weights.get("state_dict", weights) if isinstance(weights, Mapping) else {}
    weights = {key.replace("module.", ""): value for key, value in weights.items() if isinstance(value, Tensor)}
    if not weights:
        raise InputError(f"{path}: holds no weights; give a state dict of a VGG16")
    return weights
