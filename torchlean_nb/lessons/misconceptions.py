"""Mistakes that have a name: one sentence each, and where to look."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Misconception:
    """A known mistake.

    ``text`` says what is the case instead, ``look`` where a lesson shows it.
    """

    text: str
    look: str


MISCONCEPTIONS: dict[str, Misconception] = {
    "M1": Misconception(
        "Backward only finds derivatives. A parameter moves when an update assigns to it, and not before.",
        "lesson 00, Train it",
    ),
    "M2": Misconception(
        "Backward uses the values that forward wrote down. Changing a parameter later does not change the record.",
        "lesson 02, Break it",
    ),
    "M4": Misconception(
        "Whether gradients of two sweeps are added up is a decision of whoever stores them. Find out what is kept, "
        "what is cleared and what is overwritten between the sweeps.",
        "lesson 03, Do it in code",
    ),
    "M5": Misconception(
        "A contribution got lost. Everything that reaches a node by different paths is added up.",
        "lesson 03, Explain",
    ),
    "M6": Misconception(
        "The local derivative was read from the wrong slot. A product needs its other factor, exp needs its "
        "output, sin needs its input.",
        "lesson 01, Break it",
    ),
    "M10": Misconception(
        "Frameworks that free the tape while they read it refuse a second reading. Nothing in the mathematics does, "
        "and this tape stays until reset_tape().",
        "lesson 02, Transfer",
    ),
    "chain": Misconception(
        "A factor is missing. Along a path every local derivative is multiplied, from the output to the variable.",
        "lesson 01, Explain",
    ),
    "along": Misconception(
        "Along one path local derivatives are multiplied. Only different paths are added.",
        "lesson 01, Explain",
    ),
    "paths": Misconception(
        "Different paths are added. Only along one path local derivatives are multiplied.",
        "lesson 01, Explain",
    ),
    "power": Misconception(
        "The derivative of a square has the exponent as a factor in front.",
        "lesson 01, Explain",
    ),
    "sign": Misconception(
        "The size is fine, the sign is not. Move the variable up a little and ask which way the result goes.",
        "lesson 01, Explain",
    ),
    "value": Misconception(
        "That is a value on the way forward. Asked is how fast the output changes.",
        "lesson 01, Step",
    ),
    "data": Misconception(
        "Data has a derivative too, as soon as the output depends on it. Whether anybody wants it is another matter.",
        "lesson 01, Step",
    ),
    "tree": Misconception(
        "Using a value twice does not write it twice. The graph is not a tree: two arrows may leave one node.",
        "lesson 02, Step",
    ),
    "leaves": Misconception(
        "Leaves stand on the tape too, before the operations that use them.",
        "lesson 02, Step",
    ),
    "parameters": Misconception(
        "Those are parameters, which exist with or without a tape. Asked is what forward has to keep for backward.",
        "lesson 02, Explain",
    ),
    "everything": Misconception(
        "Not every value is read again. Ask of each operation which of its slots its derivative needs.",
        "lesson 02, Explain",
    ),
    "input": Misconception(
        "The batch itself has to be kept: the derivative of a matrix product reads the other factor.",
        "lesson 02, Explain",
    ),
    "loss": Misconception(
        "The loss keeps something as well: one probability per class and sample.",
        "lesson 02, Explain",
    ),
    "batch": Misconception(
        "That is for one sample. What forward keeps grows with the size of the batch.",
        "lesson 02, Explain",
    ),
    "forward": Misconception(
        "That is an order for writing. Backward begins at the output, the only node whose gradient is known.",
        "lesson 02, Explain",
    ),
    "early": Misconception(
        "A node was visited before its gradient was complete. It has to wait for everyone who used it.",
        "lesson 02, Explain",
    ),
    "again": Misconception(
        "A node passed its gradient on once per use. It waits until all has arrived, then passes the sum on once.",
        "lesson 03, Explain",
    ),
    "seed": Misconception(
        "The seed was added up too. Each sweep sets the gradient of the output to one.",
        "lesson 03, Do it in code",
    ),
    "M3": Misconception(
        "Downhill is the steepest way from here, and not the way to the minimum. The two agree only in a round bowl.",
        "lesson 09, Step",
    ),
    "M13": Misconception(
        "The buffer is no average. It is a sum in which old gradients fade, so that steps in a steady direction grow.",
        "lesson 09, Break it",
    ),
    "degrees": Misconception(
        "That is the same angle told otherwise: in radians, or as its cosine. Asked are degrees.",
        "lesson 09, Predict",
    ),
    "velocity": Misconception(
        "Part of the motion got lost. A step consists of what is left of earlier steps and of the new gradient.",
        "lesson 09, Explain",
    ),
    "limit": Misconception(
        "Along a steep axis momentum does not narrow the limit, it widens it: steps to and fro cancel in the buffer.",
        "lesson 09, Do it in code",
    ),
    "ahead": Misconception(
        "That takes the slope where w is. Nesterov takes it where the velocity is about to lead.",
        "lesson 09, Explain",
    ),
    "rate": Misconception(
        "PyTorch keeps bare gradients in the buffer and multiplies by the rate last. Other books put the rate inside.",
        "lesson 09, Explain",
    ),
    "scale": Misconception(
        "The gradient is divided by its own size, measured over the past. Its unit drops out.",
        "lesson 10, Step",
    ),
    "root": Misconception(
        "Squares are collected. Their root is what one divides by, so it has the unit of a gradient.",
        "lesson 10, Explain",
    ),
    "history": Misconception(
        "The sum of squares only grows, so each step is shorter than the one before.",
        "lesson 10, Explain",
    ),
    "M14": Misconception(
        "A mean that begins at zero is too small, and one divides by it. Without correction early steps are too long.",
        "lesson 10, Break it",
    ),
    "uncorrected": Misconception(
        "That would be so with the correction of Adam. RMSProp has none.",
        "lesson 10, Break it",
    ),
    "M15": Misconception(
        "Adam scales the coordinates among each other. How long a step is remains the decision of the learning rate.",
        "lesson 10, Do it in code",
    ),
    "M16": Misconception(
        "In Adam an L2 penalty is measured along with the gradient, so its size drops out. Decoupled decay is not.",
        "lesson 10, Explain",
    ),
    "straight": Misconception(
        "That is the straight line. A cosine falls slowly at first, fastest in the middle, and slowly at the end.",
        "lesson 11, Step",
    ),
    "angle": Misconception(
        "The angle goes from 0 to pi while the rate goes from its first value to its last, and the cosine to -1.",
        "lesson 11, Step",
    ),
    "stairs": Misconception(
        "Stairs: the rate stands still for a whole period, then is multiplied by gamma, at once and all of it.",
        "lesson 11, Do it in code",
    ),
    "factor": Misconception(
        "start_factor is no rate. It is the part of the optimizer's rate with which the climb begins.",
        "lesson 11, Do it in code",
    ),
    "count": Misconception(
        "Off by one. Before the first call of step() the rate is that of step 0.",
        "lesson 11, Do it in code",
    ),
    "bottom": Misconception(
        "There the loss has not run away yet, but it would. A smoothed loss looks back, and no rate is kept for long.",
        "lesson 11, Explain",
    ),
    "units": Misconception(
        "A scheduler counts calls of step(), whatever they stand for. Its length has to be in the same unit.",
        "lesson 11, Transfer",
    ),
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
        "Row and column are swapped. The first index of W counts inputs; pixel k is in row k // 8 and column k % 8.",
        "lesson 05, Explain",
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
    "M22": Misconception(
        "By norm, an arrow gets shorter and keeps its direction. By value it turns. A clipped loss has no gradient.",
        "lesson 12, Explain",
    ),
    "noise": Misconception(
        "Errors cancel only in part: the mean of B of them is smaller by the root of B.",
        "lesson 12, Explain",
    ),
    "each": Misconception(
        "The norm of all gradients together decides, and all are multiplied by the same factor.",
        "lesson 12, Explain",
    ),
    "squared": Misconception(
        "Inputs enter twice, on the way forward and on the way back. Curvature goes with their square.",
        "lesson 12, Do it in code",
    ),
    "M11": Misconception(
        "Equal weights are no disaster everywhere: where a layer reads data, zeros get a gradient. Follow the products "
        "from the end, layer by layer.",
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
        "Weights are a part of the state. Ask what else the next update reads: moments, and how many there have been.",
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
