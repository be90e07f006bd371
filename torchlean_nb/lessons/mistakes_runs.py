"""Mistakes about runs that stop and runs that somebody else made: lessons 20 and 21."""

from torchlean_nb.lessons.row import Misconception

MISTAKES: dict[str, Misconception] = {
    "after": Misconception(
        "That is the loss after the update. This loop updates first and prints then.",
        "lesson 21, Explain",
    ),
    "sample": Misconception(
        "That is the mean over all samples. What is printed in a step belongs to the samples of that step.",
        "lesson 21, Explain",
    ),
    "grouped": Misconception(
        "Here batch_size groups samples that share a learning rate and a line of the log; each still makes an update.",
        "lesson 21, Break it",
    ),
    "detail": Misconception(
        "Try it: that changes what is computed, if only in a late digit.",
        "lesson 21, Step",
    ),
    "pattern": Misconception(
        "Read from the first number on. Other weights show at once, another order after a few steps, rounding late.",
        "lesson 21, Step",
    ),
    "M25": Misconception(
        "Weights are a part of the state. Ask what else the next update reads: m, v, and how many updates there were.",
        "lesson 20, Break it",
    ),
    "before": Misconception(
        "The loss of a step is computed before its update, from weights, batch and dropout: those are all restored.",
        "lesson 20, Break it",
    ),
    "correction": Misconception(
        "Both means are corrected as if they had just begun: one is above the line, the other below it, under a root.",
        "lesson 20, Explain",
    ),
    "short": Misconception(
        "Count whole epochs first, the small batch at the end of each included; then the batches after that.",
        "lesson 20, Step",
    ),
    "round": Misconception(
        "A sum is rounded to the nearest number that float32 has, before anything else happens to it.",
        "lesson 20, Explain",
    ),
    "option": Misconception(
        "The rate is an option. The same program sets it again, and an optimizer saves it as well.",
        "lesson 20, Explain",
    ),
    "chance": Misconception(
        "Random numbers of a program come from a stream that can be saved like anything else.",
        "lesson 20, Explain",
    ),
}
