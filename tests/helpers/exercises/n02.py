"""What the tests know of 02_videos_and_frames: a wrong answer to each exercise, and where its numbers lie."""

WRONG = {
    "frame_times": lambda duration, rate: [n / rate for n in range(int(duration * rate) + 1)],
    "feature_rate": lambda numbers, fps: fps / numbers[1],
}

EXPECTED = {"by_count_wrong": (9, 9)}  # of Toy-STA tiny as of small

WRONG["shown_frame"] = [
    lambda stamps, t: min(range(len(stamps)), key=lambda i: abs(stamps[i] - t)),  # the nearest
    lambda stamps, t: sum(s <= t for s in stamps) - 1,  # -1 before the first
    lambda stamps, t: max(sum(s < t for s in stamps) - 1, 0),  # strictly
    lambda stamps, t: sum(s <= t for s in stamps),  # counted from 1
    lambda stamps, t: min(sum(s < t for s in stamps), len(stamps) - 1),  # the next one
    lambda stamps, t: min(int(t * len(stamps) / stamps[-1]), len(stamps) - 1),  # by count
    lambda stamps, t: min(int(t / (stamps[1] - stamps[0])), len(stamps) - 1),  # by the first distance
    lambda stamps, t: max([s for s in stamps if s <= t], default=stamps[0]),  # its time
    lambda stamps, t: next((i for i, s in enumerate(stamps) if s > t), 0),  # the first after t
    lambda stamps, t: max(next((i for i, s in enumerate(stamps) if s > t), len(stamps) - 2) - 1, 0),
]
