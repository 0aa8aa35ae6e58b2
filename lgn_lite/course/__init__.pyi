from . import check as check
from .notebook import gap as gap
from .notebook import models_folder as models_folder
from .notebook import setup as setup
from .notebook import small_outputs as small_outputs
from .notebook import training_seconds as training_seconds
from .site import build_site as build_site
