"""What the tests know of 01_queries_and_moments: a wrong answer to each exercise, and its key numbers."""

WRONG = {
    "clean_pair": lambda start, end, duration: (start, min(end, duration)),
    "hit_rate": lambda interval, spans, m: (
        100.0 * sum(s < interval[1] and e > interval[0] for s, e in spans) / len(spans)
    ),
    "video_hold_out": lambda videos, count: [int(i < count) for i in range(len(videos))],
}

EXPECTED = {  # of Toy-STA tiny as of small
    "words": (9.5, 11.5),
    "moment_seconds": (4.0, 5.0),
    "moments_per_video": (8.0, 10.5),
    "random_interval": (1.5, 5.0),
    "constant_train": (12.0, 20.0),
    "constant_test": (5.0, 20.0),
    "remembered_by_query": (30.0, 70.0),
    "remembered_by_video": (5.0, 20.0),
}
