"""Mistakes about runs that stop, programs, and runs that somebody else made: lessons 20, 20b and 21."""

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
    "reordered": Misconception(
        "Compiling decides when an op runs and where it writes. No sum gets another order, so no bit changes.",
        "lesson 20b, Step",
    ),
    "onlywritten": Misconception(
        "Those are the bytes that are written. An op also reads its arguments, from the same memory.",
        "lesson 20b, Explain",
    ),
    "doubles": Misconception(
        "That is float64. A number of float32 has half as many bytes.",
        "lesson 20b, Explain",
    ),
    "fusing": Misconception(
        "That is one loop that does all ops of an element at once. Here one op ends before the next one begins.",
        "lesson 20b, Explain",
    ),
    "numbers": Misconception(
        "Those are numbers, and bytes were asked for.",
        "lesson 20b, Explain",
    ),
    "everyop": Misconception(
        "That is what the tape keeps, as the way back needs every value. This program has no way back.",
        "lesson 20b, Explain",
    ),
    "pingpong": Misconception(
        "Reading from one array and writing into another is not needed where each element depends on itself alone.",
        "lesson 20b, Explain",
    ),
    "shapes": Misconception(
        "Shapes are known when the function is traced. Another shape means another program, and that is compiled.",
        "lesson 20b, Break it",
    ),
    "both": Misconception(
        "It computes both sides and then chooses, by a condition that is an array like any other. Nothing is asked.",
        "lesson 20b, Break it",
    ),
    "nodropout": Misconception(
        "It can: a mask is computed from a key, and the key can be an argument.",
        "lesson 20b, Break it",
    ),
    "seeded": Misconception(
        "A seed fixes the stream the keys are drawn from. The next key is another one all the same.",
        "lesson 20b, Break it",
    ),
}
