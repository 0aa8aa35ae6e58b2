"""Exercises of 09_train."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases
from lgn_lite.course.check.parts import LABEL_MISTAKES, iou, shared


def label(solution: Callable[[float, float, float], float]) -> None:
    """label(iou, t_min, t_max): eq. 4 for one candidate."""
    cases = [
        ((0.65, 0.3, 1.0), 0.5, "Half-way between t_min and t_max the label is one half."),
        ((0.25, 0.0, 0.5), 0.5, "Divide by t_max − t_min: the paper's printed denominator is a misprint."),
        ((0.8, 0.0, 0.5), 1.0, "From t_max on the label is 1, not more."),
        ((0.1, 0.3, 1.0), 0.0, "Up to t_min the label is 0, not less."),
        ((0.3, 0.3, 1.0), 0.0, "At t_min itself the label is 0."),
    ]
    try_cases("label", solution, cases, "This is eq. 4 with its misprint corrected.", mistakes=LABEL_MISTAKES)


def choose_epoch(solution: Callable[[list], int]) -> None:
    """choose_epoch(history): the epoch whose weights are kept."""

    def entry(epoch: int, loss: float, half: float, most: float) -> dict[str, float]:
        return {"epoch": epoch, "loss": loss, "R1@0.5": half, "R1@0.7": most}

    rising = [entry(1, 0.4, 30.0, 10.0), entry(2, 0.3, 50.0, 30.0), entry(3, 0.2, 55.0, 20.0)]
    cases = [
        ((rising,), 2, "Add both recalls: neither of them decides alone, and the training loss not at all."),
        ((rising[:1],), 1, "Return the entry's epoch; epochs are counted from 1."),
        ((rising[::-1],), 2, "Return the entry's epoch, not its position in the list."),
        (
            ([entry(1, 0.3, 60.0, 22.0), entry(2, 0.4, 45.0, 36.0)],),
            1,
            "Add both recalls, 82 and 81: neither of them decides alone, nor their product or the smaller one.",
        ),
        (([entry(5, 0.3, 30.0, 10.0), entry(6, 0.4, 50.0, 30.0)],), 6, "A history need not begin with epoch 1."),
    ]

    def best(key: Callable, pick: Callable = max) -> Callable:
        return lambda history: pick(history, key=key)["epoch"]

    def both(entry: dict) -> float:
        return entry["R1@0.5"] + entry["R1@0.7"]

    last = "The best epoch on val is not the last one, nor the number of epochs."
    position = "Return the entry's epoch, not its position in the list."
    mistakes = [
        (best(lambda e: e["loss"], min), "The training loss has no say: add both recalls on val."),
        (best(both, min), "The highest sum is best, not the lowest."),
        (lambda history: history[-1]["epoch"], last),
        (best(lambda e: e["epoch"]), last),
        (len, last),
        (lambda history: history.index(max(history, key=both)), position),
        (lambda history: history.index(max(history, key=both)) + 1, position),
        (lambda history: max(map(both, history)), "Return the entry's epoch, not its recalls."),
    ]
    try_cases("choose_epoch", solution, cases, "The test split has no say in it.", mistakes=mistakes)


def recall_at_1(solution: Callable[[list, list, float], float]) -> None:
    """recall_at_1(predictions, ground_truths, m): percent of predictions with an IoU larger than m."""
    truth = (0.0, 10.0)
    cases = [
        (([(0.0, 10.0)], [truth], 0.5), 100.0, "The prediction is the ground truth; the result is in percent."),
        (([(0.0, 10.0), (20.0, 30.0)], [truth, truth], 0.5), 50.0, "One of two predictions is right."),
        (
            ([(20.0, 30.0), (0.0, 10.0)], [truth, (20.0, 30.0)], 0.5),
            0.0,
            "Each counts for its own query's ground truth alone.",
        ),
        (([(0.0, 30.0)], [truth], 0.5), 0.0, "A prediction that holds the ground truth: divide by the union, 30."),
        (([(2.0, 4.0)], [truth], 0.5), 0.0, "A prediction inside the ground truth: divide by the union, 10."),
        (([(0.0, 5.0)], [truth], 0.5), 0.0, "An IoU of exactly m does not count: larger than m, strictly."),
        (([(0.0, 20.0)], [truth], 0.3), 100.0, "A prediction that is too long has an IoU as well: 10 / 20."),
        (([(0.0, 6.0)], [truth], 0.5), 100.0, "They need not be equal: an IoU of 0.6 is larger than m."),
        (([(12.0, 15.0)], [truth], 0.0), 0.0, "No overlap is no hit, even at m = 0."),
    ]

    def percent(hit: Callable) -> Callable:
        return lambda p, t, m: 100 * sum(hit(a, b, m) for a, b in zip(p, t, strict=True)) / len(t)

    own = "A prediction counts for its own query's ground truth alone."
    union = "The IoU is the shared part divided by the union of the two."
    mistakes = [
        (lambda p, t, m: 100 * sum(any(iou(a, b) > m for b in t) for a in p) / len(t), own),
        (lambda p, t, m: 100 * sum(any(iou(a, b) > m for a in p) for b in t) / len(t), own),
        (
            percent(lambda a, b, m: shared(a, b) / (b[1] - b[0]) > m),
            f"{union} Here it is divided by one of the two alone.",
        ),
        (
            percent(lambda a, b, m: shared(a, b) / (a[1] - a[0]) > m),
            f"{union} Here it is divided by one of the two alone.",
        ),
        (percent(lambda a, b, m: shared(a, b) > 0), "To overlap is not enough: the IoU has to be larger than m."),
        (
            percent(lambda a, b, m: abs(min(a[1], b[1]) - max(a[0], b[0])) / (max(a[1], b[1]) - min(a[0], b[0])) > m),
            "Without overlap the shared part is 0: no absolute value of it.",
        ),
        (percent(lambda a, b, m: a == b), "They need not be equal: an IoU larger than m is a hit."),
        (percent(lambda a, b, m: iou(a, b) > 0.5), "The threshold m is ignored."),
        (percent(lambda a, b, m: iou(a, b)), "Count the hits, not the mean IoU."),
    ]
    right = "This is R1@m, without NMS, which never changes the top prediction."
    try_cases("recall_at_1", solution, cases, right, mistakes=mistakes)


def plateau_cost(solution: Callable[[list, list], dict]) -> None:
    """plateau_cost(ours, paper): the mean change of each recall, from our labels to the paper's, over shared seeds."""

    def run(seed: int, half: float, most: float) -> dict[str, float]:
        return {"seed": seed, "R1@0.5": half, "R1@0.7": most}

    ours = [run(0, 80.0, 60.0), run(1, 70.0, 56.0)]
    cases = [
        (
            ([run(0, 80.0, 60.0)], [run(0, 79.0, 48.0)]),
            {"R1@0.5": -1.0, "R1@0.7": -12.0},
            "The paper's minus ours, for both recalls.",
        ),
        ((ours, [run(0, 81.0, 50.0), run(1, 73.0, 50.0)]), {"R1@0.5": 2.0, "R1@0.7": -8.0}, "The mean over the seeds."),
        (
            (ours, [run(1, 70.0, 50.0)]),
            {"R1@0.5": 0.0, "R1@0.7": -6.0},
            "Seed 0 has no counterpart: use only seeds that both lists have.",
        ),
        (
            ([run(2, 90.0, 70.0), *ours], [run(1, 71.0, 50.0), run(2, 87.0, 60.0)]),
            {"R1@0.5": -1.0, "R1@0.7": -8.0},
            "Match the runs by seed, not by position.",
        ),
    ]
    names = ("R1@0.5", "R1@0.7")
    mistakes = [
        (
            lambda o, p: {
                m: sum(100 * (b[m] / a[m] - 1) for a in o for b in p if a["seed"] == b["seed"])
                / sum(a["seed"] == b["seed"] for a in o for b in p)
                for m in names
            },
            "The change is in points, not in percent of ours.",
        ),
    ]
    try_cases("plateau_cost", solution, cases, "Now give it the runs of both tables.", mistakes=mistakes)
