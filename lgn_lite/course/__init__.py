"""What the notebooks share: `setup` and `save_results`, the checks of the exercises, and the site."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
