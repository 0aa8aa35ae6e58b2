"""Language-guided moment retrieval: LGN on its 2D-TAN baseline.

`from lgn_lite import LGN, LGNConfig, predict` is all that using a model takes. Names are imported on first use, so that
`lgn-lite --help` and the processes that draw need not wait for torch.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
