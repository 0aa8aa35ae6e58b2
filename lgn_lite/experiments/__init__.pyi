from .grid import read_grid as read_grid
from .results import results_table as results_table
from .runner import find_notebooks as find_notebooks
from .runner import run_notebooks as run_notebooks
from .sweep import Sweep as Sweep
