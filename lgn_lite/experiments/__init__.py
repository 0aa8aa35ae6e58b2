"""Runs of notebooks, singly or as a sweep, and the table of their results. Knows nothing of the model."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
