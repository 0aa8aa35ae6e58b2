"""What the tests know of 04_the_moment_map: a wrong answer to each exercise, and bounds of its results."""

WRONG = {
    "candidate_number": lambda first, last, num_clips: first * num_clips + last,
    "step_of_length": lambda length, scales: 1 if length <= scales[0] else 2,
    "ceiling_of": lambda candidates, truths, m: 100.0,
}
EXPECTED = {"ceiling@0.5": (95, 100), "ceiling@0.7": (80, 97), "chance@0.5": (2, 9)}  # percent
