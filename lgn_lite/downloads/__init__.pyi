from .convert import convert_charades as convert_charades
from .convert import convert_tacos as convert_tacos
from .fetch import get as get
from .fetch import state as state
from .npz import convert_npz as convert_npz
from .registry import ASSETS as ASSETS
from .registry import Asset as Asset
from .registry import find as find
