"""Weights that others have published: read safely, so that nothing in the file is executed."""

import math
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from lgn_lite.errors import InputError


class _Skipped:
    """A stand-in for a NumPy number next to the weights, such as a score: skipped, never made."""

    def __init__(self, *arguments: object):
        pass

    def __setstate__(self, state: object) -> None:
        pass


# What pickles of NumPy numbers name, before and since NumPy 2. torch knows a class by its module and name.
SKIPPED_CLASSES = [
    type(name, (_Skipped,), {"__module__": module})
    for module, name in (("numpy", "dtype"), ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"))
]


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict from a safetensors file or a torch checkpoint, old ones and Python 2's among them.

    The content decides which, not the name. Checkpoints that keep it under "state_dict" are unwrapped, and the
    "module." of parallel models is dropped from the names. Nothing in the file is executed. Raises InputError,
    naming the file, if it is missing or damaged, holds no tensors, requests that code be run, and as `check_weights`
    does. A zip file's checksums are compared; the formats before it, and safetensors, have none.
    """
    try:
        with Path(path).open("rb") as file:
            head = file.read(9)
        if head[8:] == b"{":  # safetensors: the length of its header in eight bytes, then the header, JSON
            weights = load_file(path)
        else:
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as file:  # torch itself does not compare the checksums
                    if sum(member.file_size for member in file.infolist()) > 10 * Path(path).stat().st_size:
                        raise InputError(f"{path}: would unpack to more than ten times its size; fetch it again")
                    if damaged := file.testzip():
                        raise InputError(f"{path}: is damaged: the checksum of {damaged} differs; fetch it again")
            with torch.serialization.safe_globals(SKIPPED_CLASSES), warnings.catch_warnings():
                # latin1 reads any byte: Python 2 pickled the bytes of numbers as text. torch warns that it ignores
                # the encoding, but heeds it.
                warnings.filterwarnings("ignore", "pickle_load_args")
                weights = torch.load(path, map_location="cpu", weights_only=True, encoding="latin1")
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror or error}); check the path") from error
    except InputError:
        raise
    except Exception as error:  # a damaged file can make the reader stumble over anything
        if called := re.search(r"GLOBAL (\S+)", str(error)):
            what = f"more than weights: reading it would run {called[1]}; nothing was run"
            raise InputError(f"{path}: holds {what}; give a file of a state dict only") from error
        what = "is damaged, or not a file of weights"
        raise InputError(f"{path}: {what} ({type(error).__name__}); fetch it again") from error
    if isinstance(weights, Mapping):
        weights = weights.get("state_dict", weights)
    items = weights.items() if isinstance(weights, Mapping) else ()
    tensors = {key: value for key, value in items if isinstance(key, str) and isinstance(value, Tensor)}
    if not tensors:
        raise InputError(f"{path}: holds no weights; give a state dict, or a checkpoint that holds one")
    weights = {re.sub(r"(^|\.)module\.", r"\1", key): value for key, value in tensors.items()}
    # a count next to the weights, such as BatchNorm's of its batches, may be a whole number
    check_weights({key: value for key, value in weights.items() if value.dim() or value.is_complex()}, str(path))
    return weights


MAX_WEIGHT = 1e10  # no weight in use comes near it; a bit that has flipped in an exponent goes beyond


def check_weights(
    weights: Mapping[str, Tensor], where: str, advice: str = "fetch the file again, or train again if it diverged"
) -> None:
    """Raise InputError, beginning with `where`, unless all are tensors of finite floats of a usual size.

    What a damaged file without checksums gives, or a training that diverged, is found here; small errors are not.
    """
    wrong = {name: fault for name, value in weights.items() if (fault := _fault(value))}
    if wrong:
        name, fault = next(iter(wrong.items()))
        more = f" (and {len(wrong) - 1} more of {len(weights)})" if len(wrong) > 1 else ""
        raise InputError(f"{where}: {name} {fault}{more}; {advice}")


def _fault(value: Tensor) -> str:
    """What is wrong with a weight; "" if nothing is."""
    if not isinstance(value, Tensor):
        return f"is a {type(value).__name__}, not a tensor"
    if not value.is_floating_point():
        return f"is of type {str(value.dtype).removeprefix('torch.')}, not floating-point"
    if value.is_meta or not value.numel():
        return ""
    if value.layout != torch.strided or value.numel() * value.itemsize > value.untyped_storage().nbytes():
        return f"of shape {tuple(value.shape)} is not stored number by number"
    value = value.detach()
    largest = torch.aminmax(value if value.itemsize > 2 else value.float())  # NaN is handed on
    least, most = (number.item() for number in largest)
    if not (math.isfinite(least) and math.isfinite(most)):
        return "holds numbers that are not finite"
    if max(-least, most) > MAX_WEIGHT:
        return f"holds {max(-least, most):.3g}, larger than any weight"
    return ""
