"""Exercises of 09_train."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases


def label(solution: Callable[[float, float, float], float]) -> None:
    """label(iou, t_min, t_max): eq. 4 for one candidate."""
    cases = [
        ((0.65, 0.3, 1.0), 0.5, "Half-way between t_min and t_max the label is one half."),
        ((0.25, 0.0, 0.5), 0.5, "Divide by t_max − t_min: the paper's printed denominator is a misprint."),
        ((0.8, 0.0, 0.5), 1.0, "From t_max on the label is 1, not more."),
        ((0.1, 0.3, 1.0), 0.0, "Up to t_min the label is 0, not less."),
        ((0.3, 0.3, 1.0), 0.0, "At t_min itself the label is 0."),
    ]
    try_cases("label", solution, cases, "This is eq. 4 with its misprint corrected.")


def choose_epoch(solution: Callable[[list], int]) -> None:
    """choose_epoch(history): the epoch whose weights are kept."""

    def entry(epoch: int, loss: float, half: float, most: float) -> dict[str, float]:
        return {"epoch": epoch, "loss": loss, "R1@0.5": half, "R1@0.7": most}

    rising = [entry(1, 0.4, 30.0, 10.0), entry(2, 0.3, 50.0, 30.0), entry(3, 0.2, 55.0, 20.0)]
    cases = [
        ((rising,), 2, "Add both recalls: neither of them decides alone, and the training loss not at all."),
        ((rising[:1],), 1, "Return the entry's epoch; epochs are counted from 1."),
        ((rising[::-1],), 2, "Return the entry's epoch, not its position in the list."),
    ]
    try_cases("choose_epoch", solution, cases, "The test split has no say in it.")


def recall_at_1(solution: Callable[[list, list, float], float]) -> None:
    """recall_at_1(predictions, ground_truths, m): percent of predictions with an IoU larger than m."""
    truth = (0.0, 10.0)
    cases = [
        (([(0.0, 10.0)], [truth], 0.5), 100.0, "The prediction is the ground truth; the result is in percent."),
        (([(0.0, 10.0), (20.0, 30.0)], [truth, truth], 0.5), 50.0, "One of two predictions is right."),
        (([(0.0, 5.0)], [truth], 0.5), 0.0, "An IoU of exactly m does not count: larger than m, strictly."),
        (([(0.0, 20.0)], [truth], 0.3), 100.0, "A prediction that is too long has an IoU as well: 10 / 20."),
        (([(12.0, 15.0)], [truth], 0.0), 0.0, "No overlap is no hit, even at m = 0."),
    ]
    try_cases("recall_at_1", solution, cases, "This is R1@m, without NMS, which never changes the top prediction.")


def plateau_cost(solution: Callable[[list, list], dict]) -> None:
    """plateau_cost(ours, paper): the mean change of each recall, from our labels to the paper's, over shared seeds."""

    def run(seed: int, half: float, most: float) -> dict[str, float]:
        return {"seed": seed, "R1@0.5": half, "R1@0.7": most}

    ours = [run(0, 80.0, 60.0), run(1, 70.0, 56.0)]
    cases = [
        (([run(0, 80.0, 60.0)], [run(0, 79.0, 48.0)]), {"R1@0.5": -1.0, "R1@0.7": -12.0}, "The paper's minus ours."),
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
    try_cases("plateau_cost", solution, cases, "Now give it the runs of both tables.")
