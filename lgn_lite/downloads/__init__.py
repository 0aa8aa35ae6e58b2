"""The files of the real data sets: where they are, how they are fetched, checked and converted."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
