"""What the tests know of 01_queries_and_moments: wrong answers with their messages, and its key numbers."""


def _moved(start, end, duration):
    end, shift = min(end, duration), max(0.0, end - duration)
    return (start - shift, end) if start < end else ()


def _rate_by(hit, percent=100):
    return lambda interval, spans, m: percent * sum(hit(interval, span, m) for span in spans) / len(spans)


def _shared(a, b):
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0]))


def _iou(a, b):
    return _shared(a, b) / (a[1] - a[0] + b[1] - b[0] - _shared(a, b))


def _held(chosen):
    """Hold out by some choice of the names."""
    return lambda videos, count: [int(video in chosen(videos, count)) for video in videos]


def _sorts_its_argument(videos, count):
    held = _held(lambda v, c: sorted(set(v))[:c])(videos, count)
    videos.sort()
    return held


WRONG = {
    "clean_pair": [
        (lambda start, end, duration: (start, min(end, duration)), "Clip first, then compare"),
        (lambda start, end, duration: (start, end) if start < end else (), "clipped to it"),
        (lambda start, end, duration: (start, min(end, duration)) if start < end else (), "Clip first"),
        (lambda start, end, duration: (start, e) if start <= (e := min(end, duration)) else (), "without length"),
        (lambda start, end, duration: (start, end) if start < end <= duration else (), "clipped to it"),
        (lambda start, end, duration: (start, e) if 0 < start < (e := min(end, duration)) else (), "as long as"),
        (lambda start, end, duration: (start, min(end, duration)) if start < end < duration else (), "clipped to it"),
        (_moved, "the start does not change"),
        (lambda start, end, duration: (start / duration, end / duration), "in seconds"),
        (lambda start, end, duration: (start, e) if start != (e := min(end, duration)) else (), "Clip first"),
        (
            lambda start, end, duration: (
                tuple(sorted((start, e))) if start < duration and start != (e := min(end, duration)) else ()
            ),
            "turned round",
        ),
        (
            lambda start, end, duration: (start, e) if start < (e := min(end, int(duration))) else (),
            "not a whole number",
        ),
        (lambda start, end, duration: (start, min(end, duration)) if start < min(end, duration) else None, "None"),
    ],
    "hit_rate": [
        (_rate_by(lambda a, b, m: _shared(a, b) > 0), "To overlap is not enough"),
        (_rate_by(lambda a, b, m: _iou(a, b) >= m), "strictly"),
        (_rate_by(lambda a, b, m: _iou(a, b) > m, percent=1), "in percent"),
        (lambda interval, spans, m: sum(_iou(interval, span) > m for span in spans), "in percent"),
        (_rate_by(lambda a, b, m: _iou(a, b) > 0.5), "m is ignored"),
        (_rate_by(lambda a, b, m: _shared(a, b) / (b[1] - b[0]) > m), "union"),
        (_rate_by(lambda a, b, m: _shared(a, b) / (a[1] - a[0]) > m), "union"),
        (_rate_by(lambda a, b, m: _shared(a, b) > m), "union"),
        (_rate_by(lambda a, b, m: _iou(a, b)), "not the mean"),
        (lambda interval, spans, m: 100.0 * any(_iou(interval, span) > m for span in spans), "Only the third"),
        (lambda interval, spans, m: 100.0 * (_iou(interval, spans[0]) > m), "Only the third"),
        (lambda interval, spans, m: round(_rate_by(lambda a, b, m: _iou(a, b) > m)(interval, spans, m)), "not rounded"),
    ],
    "video_hold_out": [
        (lambda videos, count: [int(i < count) for i in range(len(videos))], "order of the queries"),
        (_held(lambda v, c: list(dict.fromkeys(v))[:c]), "order of the queries"),
        (_held(lambda v, c: sorted(v)[:c]), "Count videos, not queries"),
        (_held(lambda v, c: sorted(set(v))[: c + 1]), "first video"),
        (_held(lambda v, c: sorted(set(v))[-c:]), "first video"),
        (_held(lambda v, c: sorted(set(v), reverse=True)[:c]), "first video"),
        (lambda videos, count: [int(v not in sorted(set(videos))[:count]) for v in videos], "held out is 1"),
        (lambda videos, count: sorted(set(videos))[:count], "for each query"),
        (lambda videos, count: [v for v in videos if v in sorted(set(videos))[:count]], "for each query"),
        (lambda videos, count: [int(v in sorted(set(videos))[:count]) for v in sorted(videos)], "order of the queries"),
        (
            lambda videos, count: [int(v in sorted(set(videos))[:count]) for v in dict.fromkeys(videos)],
            "for each query",
        ),
        (_sorts_its_argument, "without a change of its arguments"),
    ],
}

EXPECTED = {  # of Toy-STA tiny as of small
    "words": (10.5, 12.5),
    "moment_seconds": (5.0, 6.5),
    "moments_per_video": (11.5, 13.5),
    "random_interval": (1.5, 5.0),
    "constant_train": (8.0, 14.0),
    "constant_test": (5.0, 20.0),
    "remembered_by_query": (20.0, 60.0),
    "remembered_by_video": (5.0, 20.0),
}
