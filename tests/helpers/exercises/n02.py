"""What the tests know of 02_videos_and_frames: wrong answers with their messages, and its key numbers."""

import math


def _add_up(duration, rate):
    times, now = [], 0.0
    while now < duration:
        times.append(now)
        now += 1 / rate
    return times


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

EXPECTED = {"by_count_wrong": (9, 9)}  # of Toy-STA tiny as of small

WRONG["shown_frame"] = [
    (lambda stamps, t: min(range(len(stamps)), key=lambda i: abs(stamps[i] - t)), "Not the nearest stamp"),
    (lambda stamps, t: sum(s <= t for s in stamps) - 1, "Before the first stamp"),
    (lambda stamps, t: max(sum(s < t for s in stamps) - 1, 0), "At a time equal to a stamp"),
    (lambda stamps, t: sum(s <= t for s in stamps), "numbered from 0"),
    (lambda stamps, t: min(sum(s < t for s in stamps), len(stamps) - 1), "not the one after it"),
    (lambda stamps, t: min(int(t * len(stamps) / stamps[-1]), len(stamps) - 1), "not by counting"),
    (lambda stamps, t: min(int(t / (stamps[1] - stamps[0])), len(stamps) - 1), "stays on the screen"),
    (lambda stamps, t: max([s for s in stamps if s <= t], default=stamps[0]), "not its time"),
    (lambda stamps, t: max(next((i for i, s in enumerate(stamps) if s > t), len(stamps) - 2) - 1, 0), "the last frame"),
    (lambda stamps, t: next(i for i, s in enumerate(stamps) if s > t) - 1, "StopIteration"),
]
