"""What the tests know of 11_explore_predictions: a wrong answer to each exercise, and its key numbers."""

WRONG = {
    "miss": lambda answer, truth: "hit" if answer == truth else "shifted",
    "needed_word": lambda whole, without: max(without, key=without.get),
    "cured": lambda kinds, kind, share: 100 * share * kinds.count(kind) / len(kinds),
}

EXPECTED = {
    "hits": (80.0, 90.0),
    "elsewhere": (8.0, 20.0),
    "early modulation_other": (0.0, 30.0),  # the sentence is heard here …
    "late guidance_other": (75.0, 90.0),  # … and hardly here
}
