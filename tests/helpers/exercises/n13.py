"""What the tests know of 13_your_own_video: wrong answers to each exercise, and what their messages have to say."""


def _seconds(start=lambda i, clip: i * clip, end=lambda j, clip: (j + 1) * clip, clip=lambda n, duration: duration / n):
    return lambda first, last, num_clips, duration: (start(first, c := clip(num_clips, duration)), end(last, c))


def _moments(windows, start=lambda offset, s: offset + s, end=lambda offset, e: offset + e):
    return [(score, start(offset, s), end(offset, e)) for offset, found in windows for s, e, score in found]


def _best(key=lambda m: m[0], pick=max, **moved):
    return lambda windows: pick(_moments(windows, **moved), key=key)[1:]


def _each_window_alone(windows):
    return [max((score, offset + s, offset + e) for s, e, score in found)[1:] for offset, found in windows if found]


def _window_with_the_best_mean(windows):
    offset, found = max((w for w in windows if w[1]), key=lambda w: sum(score for _, _, score in w[1]) / len(w[1]))
    s, e, _ = max(found, key=lambda m: m[2])
    return offset + s, offset + e


def _every_first(windows):
    _, s, e = max((found[0][2], offset + found[0][0], offset + found[0][1]) for offset, found in windows if found)
    return s, e


def _max_of_each(windows):
    return max((max((score, offset + s, offset + e) for s, e, score in found) for offset, found in windows))[1:]


def _in_place(windows):
    windows.sort(key=lambda window: max([score for _, _, score in window[1]], default=-1.0))
    offset, found = windows[-1]
    s, e, _ = max(found, key=lambda m: m[2])
    return offset + s, offset + e


WRONG = {
    "clip_seconds": [
        (_seconds(end=lambda j, clip: j * clip), "it ends where that clip ends"),
        (_seconds(start=lambda i, clip: (i + 1) * clip), "counted from 0"),
        (_seconds(start=lambda i, clip: (i - 1) * clip, end=lambda j, clip: j * clip), "counted from 0"),
        (_seconds(clip=lambda n, duration: duration / (n - 1) if n > 1 else duration), "duration / num_clips"),
        (_seconds(clip=lambda n, duration: duration / (n + 1)), "duration / num_clips"),
        (_seconds(clip=lambda n, duration: duration // n), "need not be whole"),
        (_seconds(clip=lambda n, duration: 1), "in seconds"),
        (_seconds(clip=lambda n, duration: 1 / n), "in seconds"),
        (_seconds(clip=lambda n, duration: n / duration), "duration / num_clips"),
        (_seconds(start=lambda i, clip: (i + 0.5) * clip, end=lambda j, clip: (j + 0.5) * clip), "not from its middle"),
        (
            lambda first, last, num_clips, duration: (
                first * duration / num_clips,
                (last + 1 - first) * duration / num_clips,
            ),
            "not the length",
        ),
        (
            lambda first, last, num_clips, duration: (last + 1 - first) * duration / num_clips,
            "the answer has 2 entries",
        ),
        (lambda first, last, num_clips, duration: (first, last), "in seconds"),
        (
            lambda first, last, num_clips, duration: (
                round(first * duration / num_clips),
                round((last + 1) * duration / num_clips),
            ),
            "need not be whole",
        ),
    ],
    "score_to_iou": [
        (lambda score, t_min, t_max: score, "Half-way"),
        (lambda score, t_min, t_max: min(1.0, max(0.0, (score - t_min) / (t_max - t_min))), "the other way round"),
        (lambda score, t_min, t_max: (score - t_min) / (t_max - t_min), "the other way round"),
        (lambda score, t_min, t_max: score * (t_max - t_min), "add t_min"),
        (lambda score, t_min, t_max: t_min + score * t_max, "t_max − t_min"),
        (lambda score, t_min, t_max: score * t_max, "predicts t_min"),
        (lambda score, t_min, t_max: t_min + score, "t_max − t_min"),
        (lambda score, t_min, t_max: t_max - score * (t_max - t_min), "predicts t_max"),
        (lambda score, t_min, t_max: max(score, t_min), "Half-way"),
        (lambda score, t_min, t_max: min(t_max, max(t_min, score)), "Half-way"),
        (lambda score, t_min, t_max: t_min + score * (1 - t_min), "predicts t_max"),
        (lambda score, t_min, t_max: t_min + score / (t_max - t_min), "t_max − t_min"),
        (lambda score, t_min, t_max: (t_min + t_max) / 2, "predicts t_max"),
        (lambda score, t_min, t_max: 0.0 if score == 0 else t_min + score * (t_max - t_min), "predicts t_min"),
        (lambda score, t_min, t_max: 1.0 if score == 1 else t_min + score * (t_max - t_min), "predicts t_max"),
        (lambda score, t_min, t_max: 100 * (t_min + score * (t_max - t_min)), "not percent"),
    ],
    "best_of_windows": [
        (_best(start=lambda offset, s: s, end=lambda offset, e: e), "Both ends move"),
        (_best(end=lambda offset, e: e), "Both ends move"),
        (_best(start=lambda offset, s: s), "Both ends move"),
        (_best(start=lambda offset, s: s - offset, end=lambda offset, e: e - offset), "Both ends move"),
        (_best(pick=min), "The highest score wins"),
        (_best(key=lambda m: m[1]), "only the scores count"),
        (_best(key=lambda m: m[2] - m[1]), "only the scores count"),
        (_best(key=lambda m: -m[1]), "The highest score wins"),
        (lambda windows: _moments(windows)[0][1:], "The highest score wins"),
        (lambda windows: _moments(windows)[-1][1:], "only the scores count"),
        (lambda windows: _best()(windows[-1:]), "only the scores count"),
        (lambda windows: _best()(windows[:1]), "all windows"),
        (_every_first, "wherever it is in the list"),
        (_window_with_the_best_mean, "single prediction"),
        (_each_window_alone, "one prediction"),
        (_max_of_each, "ValueError"),
        (lambda windows: max(_moments(windows)), "start and end"),
        (lambda windows: _best(key=lambda m: abs(m[0]))(windows), "negative"),
        (_in_place, "without a change of its arguments"),
    ],
}

EXPECTED = {  # of Toy-STA tiny as of small: what does not hang on the training
    "mean_expected_iou": (0.3, 0.9),
    "joined_1_ceiling": (0.65, 0.95),
    "joined_4_ceiling": (0.3, 0.8),
}
