"""Mistakes about steps downhill, their rates and their noise: lessons 09 to 12."""

from torchlean_nb.lessons.row import Misconception

MISTAKES: dict[str, Misconception] = {
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
    "M22": Misconception(
        "By norm, an arrow gets shorter and keeps its direction. By value, each coordinate is cut alone, and it turns.",
        "lesson 12, Explain",
    ),
    "cutloss": Misconception(
        "That would be so if the gradient were clipped. Here the loss is cut off: draw what is left of it over the "
        "loss, and ask for the slope.",
        "lesson 12, Break it",
    ),
    "noise": Misconception(
        "Errors cancel only in part: the mean of B of them is smaller by the root of B.",
        "lesson 12, Explain",
    ),
    "each": Misconception(
        "The norm of all gradients together decides, and all are multiplied by the same factor.",
        "lesson 12, Explain",
    ),
    "length": Misconception(
        "The length of an arrow is the root of the sum of squares, not the sum of its coordinates.",
        "lesson 12, Explain",
    ),
    "inside": Misconception(
        "Only a coordinate beyond the limit is cut. One that is inside stays as it is.",
        "lesson 12, Explain",
    ),
    "leans": Misconception(
        "That is where the clipped arrow points, measured from the first axis. Asked is its angle to the gradient.",
        "lesson 12, Explain",
    ),
    "squared": Misconception(
        "Inputs enter twice, on the way forward and on the way back. Curvature goes with their square.",
        "lesson 12, Do it in code",
    ),
}
