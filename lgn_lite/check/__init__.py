"""The exercises' checks: each takes the reader's function and says what is wrong with it.

A function that returns nothing counts as not written yet; a wrong answer is an AssertionError whose message
says which input went wrong and why; a right one is told so. One file a notebook.
"""

from lgn_lite.check.n00 import best_moment, count_candidates, overlap
from lgn_lite.check.n09 import choose_epoch, label, recall_at_1

__all__ = ["best_moment", "choose_epoch", "count_candidates", "label", "overlap", "recall_at_1"]
