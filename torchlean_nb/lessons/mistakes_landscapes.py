"""Mistakes about curvature and about pictures of losses: lessons 15 and 16."""

from torchlean_nb.lessons.row import Misconception

MISTAKES: dict[str, Misconception] = {
    "descends": Misconception(
        "A Newton step goes to the minimum of the parabola. How high f is there, the parabola does not know.",
        "lesson 15, Step",
    ),
    "strays": Misconception(
        "A bad step is no end: from the new point a new parabola is taken, and near the minimum it fits.",
        "lesson 15, Step",
    ),
    "parabola": Misconception(
        "One step reaches the minimum of the parabola that fits here. That is the minimum of f only if f is one.",
        "lesson 15, Explain",
    ),
    "divide": Misconception(
        "A Newton step is the slope divided by the curvature. There is no rate in it, and neither stands alone.",
        "lesson 15, Explain",
    ),
    "away": Misconception(
        "The other way: the step is subtracted, since the slope points uphill.",
        "lesson 15, Explain",
    ),
    "summit": Misconception(
        "That leads downhill. Newton goes to where the parabola is level, be it a summit.",
        "lesson 15, Break it",
    ),
    "spectrum": Misconception(
        "There the size of a singular value is still in the step. Muon leaves only its directions.",
        "lesson 15, Do it in code",
    ),
    "howfar": Misconception(
        "The way is right, it goes down. Asked is how far, and that has no sign.",
        "lesson 15, Do it in code",
    ),
    "entries": Misconception(
        "The entries of a matrix do not say which way it bends. Its eigenvalues do, and they need not be among them.",
        "lesson 15, Break it",
    ),
    "steepest": Misconception(
        "The steepest direction is no danger, it bends upwards. Look at the one that bends down.",
        "lesson 15, Break it",
    ),
    "M21": Misconception(
        "A picture of two directions leaves out all the others, and its scale is a choice. Ask how much it explains.",
        "lesson 16, Step",
    ),
    "oneaxis": Misconception(
        "That is the share of a single direction. A plane has two.",
        "lesson 16, Explain",
    ),
    "share": Misconception(
        "Variance is a mean of squares. That is the share of the length, before it is squared.",
        "lesson 16, Explain",
    ),
    "pythagoras": Misconception(
        "Lengths at right angles do not add up; their squares do.",
        "lesson 16, Explain",
    ),
    "seen": Misconception(
        "That is how far from the origin the point is drawn. Asked is how far above the paper it is.",
        "lesson 16, Explain",
    ),
    "invariant": Misconception(
        "What the network computes does not change, nor does the loss. How strongly it bends along a weight does.",
        "lesson 16, Break it",
    ),
    "once": Misconception(
        "Curvature is a second derivative: a factor on the weight enters it twice.",
        "lesson 16, Break it",
    ),
    "upwards": Misconception(
        "The other way round: where the weight is larger, the same step changes it less.",
        "lesson 16, Break it",
    ),
    "whole": Misconception(
        "That is one factor for the whole matrix, or one for each column. A filter is what makes one output: a row.",
        "lesson 16, Do it in code",
    ),
    "unitrow": Misconception(
        "That row has length one. It shall be as long as the row of the weights.",
        "lesson 16, Do it in code",
    ),
    "average": Misconception(
        "Every raw direction is too long or too short for these weights in the same way, so a mean of many is, too.",
        "lesson 16, Break it",
    ),
}
