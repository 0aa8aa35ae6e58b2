"""What a model does and why: explanations, stored predictions, mistakes, blind baselines, costs, data statistics."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
