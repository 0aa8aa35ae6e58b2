"""What made the committed study: ablations, initialisation, speed, and the statistics of their tables."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
