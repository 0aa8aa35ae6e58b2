"""Videos: frames and what is known of a file, the networks that encode them, features of a folder."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
