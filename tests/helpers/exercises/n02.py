"""What the tests know of 02_videos_and_frames: a wrong answer to each exercise, and where its numbers lie."""

WRONG = {
    "frame_times": lambda duration, rate: [n / rate for n in range(int(duration * rate) + 1)],
    "feature_rate": lambda numbers, fps: fps / numbers[1],
}

EXPECTED = {"by_count_wrong": (9, 9)}  # of Toy-STA tiny as of small
