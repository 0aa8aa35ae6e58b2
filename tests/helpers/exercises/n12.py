"""What the tests know of 12_what_does_it_really_use: a wrong answer to each exercise, and its key numbers."""

WRONG = {
    "other_video": lambda videos: videos,
    "same_mix": lambda recall, counts: sum(recall.values()) / len(recall) + 0.5,
    "tied_hit": lambda scores, hits: float(hits[scores.index(max(scores))]),
}

EXPECTED = {  # of one epoch on Toy-STA tiny as of the course's training on small
    "constant": (5.0, 20.0),
    "other_video": (0.0, 20.0),
    "words_alone": (3.0, 30.0),
    "blind_spread": (-0.001, 0.001),
}
