"""Toy-STA, the data set that the project draws: its world, its scenes, its drawing, its encoder."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
