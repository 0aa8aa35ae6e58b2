"""The exercises' checks: each takes the reader's function and says what is wrong with it.

A function that returns nothing counts as not written yet; a wrong answer is an AssertionError whose message
says which input went wrong and why; a right one is confirmed. One file per notebook.
"""

from lgn_lite.course.check.n00 import best_moment, count_candidates, overlap
from lgn_lite.course.check.n00b import mean_share, sliding_windows
from lgn_lite.course.check.n01 import clean_pair, hit_rate, video_hold_out
from lgn_lite.course.check.n02 import feature_rate, frame_times, shown_frame
from lgn_lite.course.check.n02b import detects, span_rows
from lgn_lite.course.check.n03 import encode_words, last_states, memory_left, nearest_sentence, sentence_core
from lgn_lite.course.check.n04 import candidate_number, ceiling_of, pool_clips, step_of_length
from lgn_lite.course.check.n05 import early_modulation, film_relu, modulate, unit_parameters
from lgn_lite.course.check.n06 import count_neighbours, fuse, fuse_map, list_convolution, reach
from lgn_lite.course.check.n07 import control_gaps, entry_size, guide_cell, late_guidance, same_guidance
from lgn_lite.course.check.n08 import discounted, expected_label, loss_by_hand, nms_by_hand, strict_recall
from lgn_lite.course.check.n08b import guide_first, localiser_weights, training_step
from lgn_lite.course.check.n09 import choose_epoch, clip_gradients, label, plateau_cost, recall_at_1
from lgn_lite.course.check.n10 import false_alarms, judge_row, paired_interval, seeds_needed, unconditional_attention
from lgn_lite.course.check.n11 import alpha_gradient, cured, miss, needed_word
from lgn_lite.course.check.n12 import gradient_times_input, other_video, same_mix, tied_hit
from lgn_lite.course.check.n13 import best_of_windows, clip_seconds, iou_range, score_to_iou, video_score
from lgn_lite.course.check.n14 import accumulate, conv_products, feature_bytes, square_cells

__all__ = ["best_moment", "count_candidates", "overlap"]
__all__ += ["mean_share", "sliding_windows"]
__all__ += ["clean_pair", "hit_rate", "video_hold_out"]
__all__ += ["feature_rate", "frame_times", "shown_frame"]
__all__ += ["detects", "span_rows"]
__all__ += ["encode_words", "last_states", "memory_left", "nearest_sentence", "sentence_core"]
__all__ += ["candidate_number", "ceiling_of", "pool_clips", "step_of_length"]
__all__ += ["early_modulation", "film_relu", "modulate", "unit_parameters"]
__all__ += ["count_neighbours", "fuse", "fuse_map", "list_convolution", "reach"]
__all__ += ["control_gaps", "entry_size", "guide_cell", "late_guidance", "same_guidance"]
__all__ += ["discounted", "expected_label", "loss_by_hand", "nms_by_hand", "strict_recall"]
__all__ += ["guide_first", "localiser_weights", "training_step"]
__all__ += ["choose_epoch", "clip_gradients", "label", "plateau_cost", "recall_at_1"]
__all__ += ["false_alarms", "judge_row", "paired_interval", "seeds_needed", "unconditional_attention"]
__all__ += ["alpha_gradient", "cured", "miss", "needed_word"]
__all__ += ["gradient_times_input", "other_video", "same_mix", "tied_hit"]
__all__ += ["best_of_windows", "clip_seconds", "iou_range", "score_to_iou", "video_score"]
__all__ += ["accumulate", "conv_products", "feature_bytes", "square_cells"]
