"""Mistakes about comparisons: lesson C1."""

from torchlean_nb.lessons.row import Misconception

MISTAKES: dict[str, Misconception] = {
    "M26": Misconception(
        "A ranking holds for the problem it was made on. It does not carry over to another surface, nor to a network.",
        "lesson C1, Step",
    ),
    "luck": Misconception(
        "The lowest of all runs is the luckiest one. Whoever runs more often gets a lower one, for nothing.",
        "lesson C1, Explain",
    ),
    "anew": Misconception(
        "A rate is chosen once, and all seeds run with it. Who picks the best rate for each seed anew picks luck.",
        "lesson C1, Explain",
    ),
    "outlier": Misconception(
        "A mean over the seeds is decided by the worst of them. The median is not.",
        "lesson C1, Explain",
    ),
    "pooled": Misconception(
        "That is what a rate in the middle of the grid does. It tells how much tuning matters, not what it achieves.",
        "lesson C1, Explain",
    ),
    "rim": Misconception(
        "The best value of a grid is no minimum while it sits on the edge: beyond it nobody has looked.",
        "lesson C1, Break it",
    ),
    "wrongend": Misconception(
        "At that end the losses rise. Go on where they were still falling.",
        "lesson C1, Break it",
    ),
    "finer": Misconception(
        "A finer look between two rates comes later. First find the losses rising on both sides.",
        "lesson C1, Break it",
    ),
    "lowermedian": Misconception(
        "A lower median is no place of its own. Look whether every seed says the same.",
        "lesson C1, Explain",
    ),
    "backwards": Misconception(
        "Lower losses are better, and most seeds say the opposite of that.",
        "lesson C1, Explain",
    ),
}
