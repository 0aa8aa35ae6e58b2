"""What the tests know of 02_frames_to_features: wrong answers with their messages, and its key numbers."""

import math


def _add_up(duration, rate):
    times, now = [], 0.0
    while now < duration:
        times.append(now)
        now += 1 / rate
    return times


def _rows(cap_first=True, cap=1, least=1, to_row=round, late_cap=False):
    def solution(i, T, n):
        first, last = to_row(i * T / n), to_row((i + 1) * T / n)
        first = min(first, T - 1) if cap_first else first
        last = max(min(last, T - cap), first + least)
        return first, min(last, T - 1) if late_cap else last

    return solution


WRONG = {
    "frame_times": [
        (lambda duration, rate: [n / rate for n in range(int(duration * rate) + 1)], "the video is over"),
        (lambda duration, rate: [n / rate for n in range(round(duration * rate) + 1)], "the video is over"),
        (lambda duration, rate: [n / rate for n in range(int(duration * rate))], "less than 1 / rate before the end"),
        (lambda duration, rate: [n / rate for n in range(round(duration * rate))], "less than 1 / rate before the end"),
        (lambda duration, rate: [n * rate for n in range(math.ceil(duration / rate))], "1 / rate seconds apart"),
        (lambda duration, rate: [float(n) for n in range(math.ceil(duration * rate))], "numbers of the frames"),
        (lambda duration, rate: [n / rate for n in range(1, math.ceil(duration * rate) + 1)], "begin at 0"),
        (lambda duration, rate: [n / rate for n in range(1, math.ceil(duration * rate))], "begin at 0"),
        (lambda duration, rate: [(n + 0.5) / rate for n in range(math.ceil(duration * rate))], "begin at 0"),
        (
            lambda duration, rate: (
                [n * duration / (k - 1) for n in range(k)] if (k := math.ceil(duration * rate)) > 1 else [0.0]
            ),
            "1 / rate seconds apart",
        ),
        (
            lambda duration, rate: [n * duration / k for n in range(k)] if (k := math.ceil(duration * rate)) else [],
            "1 / rate seconds apart",
        ),
        (_add_up, "drift"),
        (lambda duration, rate: math.ceil(duration * rate), "the answer has 4 entries"),
        (lambda duration, rate: (n / rate for n in range(math.ceil(duration * rate))), "make a list of it"),
        (lambda duration, rate: [n / int(rate) for n in range(math.ceil(duration * rate))], "ZeroDivisionError"),
    ],
    "span_rows": [
        (lambda i, T, n: (round(i * T / n), round((i + 1) * T / n)), "the last row is left out"),
        (_rows(cap_first=False), "the first boundary goes up to T - 1 only"),
        (_rows(cap=0), "the last row is left out"),
        (_rows(least=0), "without a row of its own"),
        (_rows(to_row=int), "neither down nor up"),
        (_rows(to_row=math.ceil), "neither down nor up"),
        (_rows(to_row=lambda x: int(x + 0.5)), "2.5 to 2"),
        (_rows(late_cap=True), "if it is alone"),
        (lambda i, T, n: ((s := _rows()(i, T, n))[0], s[1] - 1), "row before which it ends"),
        (lambda i, T, n: ((s := _rows()(i, T, n))[0] + 1, s[1] + 1), "counted from 0"),
        (lambda i, T, n: (round(i * n / T), round((i + 1) * n / T)), "Twelve rows to four"),
        (lambda i, T, n: (i * (T // n), (i + 1) * (T // n)), "Round both"),
        (lambda i, T, n: _rows()(i, T - 1, n), "only the boundaries end at T - 1"),
        (lambda i, T, n: list(range(*_rows()(i, T, n))), "row before which it ends"),
    ],
    "feature_rate": [
        (lambda numbers, fps: fps / numbers[1], "distance"),
        (lambda numbers, fps: fps / numbers[0] if numbers[0] else fps, "distance"),
        (lambda numbers, fps: fps * (numbers[1] - numbers[0]), "divide"),
        (lambda numbers, fps: numbers[1] - numbers[0], "divide"),
        (lambda numbers, fps: (numbers[1] - numbers[0]) / fps, "divide"),
        (lambda numbers, fps: fps * len(numbers) / (max(numbers) - min(numbers)), "one gap fewer"),
        (lambda numbers, fps: fps * len(numbers) / (max(numbers) - min(numbers) + 1), "one gap fewer"),
        (lambda numbers, fps: fps * len(numbers) / max(numbers), "distance"),
        (lambda numbers, fps: fps / len(numbers), "distance"),
        (lambda numbers, fps: fps // (numbers[1] - numbers[0]), "need not be whole"),
        (lambda numbers, fps: round(fps / (numbers[1] - numbers[0])), "need not be whole"),
        (lambda numbers, fps: fps / (numbers[2] - numbers[1]), "Two numbers are enough"),
        (lambda numbers, fps: 24.0 / (numbers[1] - numbers[0]), "fps"),
        (lambda numbers, fps: fps / (numbers[1] - numbers[0] - 1) if numbers[1] - numbers[0] > 1 else fps, "distance"),
    ],
}

EXPECTED = {  # of Toy-STA tiny as of small
    "by_count_wrong": (9, 9),
    "vgg16_parameters": (138_357_544, 138_357_544),
    "vgg16_fc6_share": (74.2, 74.3),  # percent
    "concept_accuracy": (75, 100),
    "who_fc6": (75, 100),  # the binding is there in fc6 …
    "who_scores": (45, 80),  # … and hardly in the scores
    "single_conv1": (60, 82),
    "single_fc6": (78, 100),
    "relu_gap_2_rows": (2, 20),
    "relu_gap_16_rows": (10, 40),
    "last_row_lost": (90, 100),
}
