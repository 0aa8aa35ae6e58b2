"""Language-guided moment retrieval: LGN on its 2D-TAN baseline.

`from lgn_lite import LGN, LGNConfig, predict` is all that using a model takes; the rest is in the modules.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["LGN", "InputError", "LGNConfig", "predict"]

_HOMES = {"LGN": "model", "LGNConfig": "config", "InputError": "errors", "predict": "prediction"}


def __getattr__(name: str) -> Any:
    # On first use, so that `lgn-lite --help` and the drawing processes need not wait for torch.
    if name not in _HOMES:
        raise AttributeError(f"module 'lgn_lite' has no attribute {name!r}")
    value = getattr(import_module(f"lgn_lite.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
