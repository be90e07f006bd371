"""Mistakes about layers, losses and the first weights: lessons 05, 06 and 13."""

from torchlean_nb.lessons.row import Misconception

MISTAKES: dict[str, Misconception] = {
    "M8": Misconception(
        "With square matrices every product fits, so the shape decides nothing. Write one entry as a sum: the index "
        "that runs is the one the result does not have.",
        "lesson 05, Explain",
    ),
    "other": Misconception(
        "That is the gradient of the other factor. It sums over the samples, and samples do not mix in dL/dX.",
        "lesson 05, Step",
    ),
    "turned": Misconception(
        "Row and column are swapped. The first index of W counts inputs, the second counts outputs.",
        "lesson 05, Explain",
    ),
    "columns": Misconception(
        "Rows and columns of the image are swapped. Pixel k is in row k // 8 and column k % 8.",
        "lesson 05, Transfer",
    ),
    "axis": Misconception(
        "That counts along another axis. One weight belongs to one input and one output, and to all samples.",
        "lesson 05, Explain",
    ),
    "pixels": Misconception(
        "Only what somebody wants has to be computed. Nobody changes the pixels, so their gradient can be left out.",
        "lesson 05, Do it in code",
    ),
    "through": Misconception(
        "A layer with another one below it needs two products: one for its weights, one to hand the gradient on.",
        "lesson 05, Do it in code",
    ),
    "sizes": Misconception(
        "Three products for two is right, but they are not equally large. Count the multiplications in each of them.",
        "lesson 05, Do it in code",
    ),
    "fromzero": Misconception(
        "Off by one: places are counted from zero, in Python and in this exercise.",
        "lesson 05, Transfer",
    ),
    "M20": Misconception(
        "A mean divides the loss, and with it every gradient, by the number of samples. A sum does not.",
        "lesson 06, Explain",
    ),
    "flat": Misconception(
        "Both are equally wrong, but squared error sends its gradient through the sigmoid, and far out that is flat.",
        "lesson 06, Step",
    ),
    "others": Misconception(
        "The other classes get a gradient as well: what they take of the probability is pushed down.",
        "lesson 06, Explain",
    ),
    "scores": Misconception(
        "Scores are no probabilities yet. Softmax makes them so, and what is true is subtracted after that.",
        "lesson 06, Explain",
    ),
    "said": Misconception(
        "Those are the probabilities, what the network says. The gradient is how far they are from what is true.",
        "lesson 06, Explain",
    ),
    "middle": Misconception(
        "Squares listen to whoever is far away. Absolute errors only count how many are on either side.",
        "lesson 06, Do it in code",
    ),
    "twice": Misconception(
        "cross_entropy does its own softmax. Given probabilities it takes them for scores, and those differ by one at "
        "most.",
        "lesson 06, Break it",
    ),
    "guess": Misconception(
        "That is the loss of somebody who knows nothing and gives every class the same probability.",
        "lesson 06, Explain",
    ),
    "three": Misconception(
        "That is the floor for three classes. Here more of them share what the right one does not get.",
        "lesson 06, Break it",
    ),
    "M11": Misconception(
        "Zeros do not stop every gradient. It is what comes in times what comes back: ask for each weight and each "
        "bias whether one of the two is 0.",
        "lesson 13, Step",
    ),
    "hidden": Misconception(
        "Ask how large the hidden values are, with zeros before them. The weights of the output multiply them.",
        "lesson 13, Step",
    ),
    "blocked": Misconception(
        "Ask how large the weights of the output are. On its way to the first layer a gradient is multiplied by them.",
        "lesson 13, Step",
    ),
    "half": Misconception(
        "ReLU leaves only a half of the mean square: what is negative becomes 0.",
        "lesson 13, Explain",
    ),
    "variance": Misconception(
        "Variances add up, sizes do not. The size is the root of the sum.",
        "lesson 13, Explain",
    ),
    "fan": Misconception(
        "How many units there are does not matter on the way forward. It is the number of values a unit adds up.",
        "lesson 13, Explain",
    ),
    "corner": Misconception(
        "Weights and bias move in the same step, and what counts is the input that switches the unit on most.",
        "lesson 13, Break it",
    ),
    "M28": Misconception(
        "The start was fine. One long step can push a unit to where it is off for every input.",
        "lesson 13, Break it",
    ),
    "stuck": Misconception(
        "A unit that is off for every input gets no gradient, so it stays where it is however long one trains.",
        "lesson 13, Break it",
    ),
}
