"""What the tests know of 09_train: a wrong answer to each exercise."""

WRONG = {
    "label": lambda iou, t_min, t_max: (iou - t_min) / (t_max - t_min),
    "choose_epoch": lambda history: min(history, key=lambda entry: entry["loss"])["epoch"],
    "recall_at_1": lambda answers, truths, m: 100.0,
}
