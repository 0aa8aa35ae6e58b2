"""What the tests know of 03_sentence_encoder: a wrong answer to each exercise, and what its numbers should be."""

WRONG = {
    "encode_words": lambda words, numbers, length: [numbers.get(word, 0) for word in words],
    "last_states": lambda states, counts: [rows[-1] for rows in states],
    "memory_left": lambda bias, steps: 0.5**steps,
    "nearest_sentence": lambda vectors, query: max(
        range(len(vectors)), key=lambda i: sum(a * b for a, b in zip(vectors[i], query, strict=True))
    ),
}

EXPECTED = {
    "vocabulary": (71, 71),
    "first word, untrained, init torch": (0.0, 0.03),
    "first word, untrained, init unit": (0.05, 0.25),
    "first word, trained LGN": (0.25, 1.0),
    "cosine, same activity, other words": (0.8, 1.0),
    "cosine, other activity": (0.3, 0.8),
    "R1@0.5": (75, 95),
    "R1@0.5, padding read": (30, 80),
    "R1@0.5 turned, colour": (0, 60),
    "R1@0.5 turned, shape": (70, 95),
    "nearest to the middle": (85, 95),
}
