"""Exercises and pictures of lesson 15: Newton's method, what stands in for it, and Muon."""

from functools import cache

import numpy as np

from torchlean_nb import optim
from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.engine import Session, grad
from torchlean_nb.engine import hessian as hessian_of
from torchlean_nb.lessons.depth import digits
from torchlean_nb.lessons.row import Exercise
from torchlean_nb.minimizers import minimize
from torchlean_nb.optim.matrix import newton_schulz
from torchlean_nb.render.lesson_curvature import BARS_SIZE, LEVELS, VALLEY_SIZE, bars_body, valley_body
from torchlean_nb.render.lesson_deck import Deck, Frame, Knob
from torchlean_nb.render.numbers import fmt
from torchlean_nb.rows import OPS

START = (-1.2, 1.0)


def rosenbrock(p):
    """The curved valley with its minimum at (1, 1)."""
    return 100.0 * (p[1] - p[0] ** 2) ** 2 + (1.0 - p[0]) ** 2


def _level(height: float) -> np.ndarray:
    """Where the valley is so high, all around."""
    x = 1 - min(height**0.5, 3.0) * np.cos(np.linspace(0, 2 * np.pi, 600))
    off = np.sqrt(np.maximum(height - (1 - x) ** 2, 0)) / 10
    return np.stack([x, x**2 + np.where(np.arange(600) < 300, off, -off)], axis=1)


@cache
def newton_deck() -> Deck:
    """Newton's steps in the valley, with the parabola of each."""
    found = minimize(rosenbrock, np.array(START), method="newton")
    path, frames = np.array(found.points), {}
    for k, (point, value) in enumerate(zip(path, found.values, strict=True)):
        H, g = hessian_of(rosenbrock)(point), grad(rosenbrock)(point)
        step = -np.linalg.solve(H, g)
        curvatures, axes = np.linalg.eigh(H)
        turn = np.linspace(0, 2 * np.pi, 721)
        ring = np.stack([np.cos(turn), np.sin(turn)]) / np.sqrt(curvatures)[:, None]
        model = point + step + (axes @ ring).T * np.sqrt(step @ H @ step)
        notes = [f"f = {fmt(value, 4)}", f"at ({fmt(point[0], 3)}, {fmt(point[1], 3)})",
                 f"curvatures {fmt(curvatures[0], 3)} and {fmt(curvatures[1], 3)}"]  # fmt: skip
        says = f"Step {k}: f is {fmt(value, 4)} at ({fmt(point[0], 3)}, {fmt(point[1], 3)})."
        if k + 1 < len(path):
            hoped = float(value + g @ step / 2)
            notes += [f"the parabola promises {fmt(hoped, 3)}", f"and f will be {fmt(found.values[k + 1], 4)}"]
            says += f" The parabola promises {fmt(hoped, 3)}; the next value is {fmt(found.values[k + 1], 4)}."
        rows = tuple((str(i), fmt(v, 4)) for i, v in enumerate(found.values))
        frames[k,] = Frame(valley_body([_level(h) for h in LEVELS], model, path, k, notes), says, rows)
    knob = Knob("step", tuple(map(str, range(len(path)))), 1, "slide")
    return Deck("Newton in a curved valley", (knob,), frames, ("step", "f"), VALLEY_SIZE)


def first_gradient() -> np.ndarray:
    """Gradient of the first weights of an untrained network 64-32-10 for a batch of digits."""
    X, y, train, _ = digits()
    s, rng = Session(), np.random.default_rng(0)
    W1, W2 = (s.param(rng.normal(0, (2 / n) ** 0.5, (n, k))) for n, k in ((64, 32), (32, 10)))
    loss = OPS["cross_entropy"](OPS["relu"](s.input(X[train[:128]]) @ W1) @ W2, y[train[:128]])
    return s.backward(loss)[W1]


@cache
def muon_deck() -> Deck:
    """Singular values of a gradient, round by round of Newton-Schulz."""
    g, frames = first_gradient(), {}
    for k in range(6):
        sizes = np.linalg.svd(newton_schulz(steps=k)(numpy_namespace(), g), compute_uv=False)
        some = [(str(i + 1), fmt(sizes[i], 3)) for i in (0, 1, 3, 7, 15, 31)]
        near = int((abs(sizes - 1) < 0.35).sum())
        says = f"After {k} rounds {near} of {len(sizes)} singular values are between 0.65 and 1.35."
        frames[k,] = Frame(bars_body(sizes, k), says, tuple(some))
    knob = Knob("rounds", tuple(map(str, range(6))), 0, "slide")
    return Deck("What Muon does to a gradient", (knob,), frames, ("place", "singular value"), BARS_SIZE)


# -- exercises -----------------------------------------------------------------------------


def course() -> str:
    """What the values of Newton's method do in the valley."""
    values = minimize(rosenbrock, np.array(START), method="newton").values
    if values[-1] > 1e-6:
        return "never"
    return "rises" if (np.diff(values) > 0).any() else "falls"


def sixth(x):
    """Flat at its minimum, steep further away."""
    return x**6


def hill(x):
    """Two valleys and a hill between them."""
    return x**4 / 4 - x**2 / 2


def newton_step(f, x: float, sign: bool = True) -> float:
    """Where one step of Newton's leads; without `sign` the size of the curvature is used."""
    g, h = float(grad(f)(np.array(x))), float(hessian_of(f)(np.array(x)))
    return x - g / (h if sign else abs(h))


def orthogonal(lr: float) -> float:
    """How far the small entry moves when the update is U V' of the gradient's U S V'."""
    u, _, v = np.linalg.svd(np.diag([300.0, 0.4]))
    return float(lr * (u @ v)[1, 1])


def moved(lr: float, divide: bool) -> float:
    """The same for plain descent, or with the gradient divided by its norm."""
    g = np.diag([300.0, 0.4])
    opt = optim.SGD({"W": np.zeros((2, 2))}, lr=lr)
    opt.step({"W": g / np.linalg.norm(g) if divide else g})
    return float(-opt.params["W"][1, 1])


BENT = np.array([[2.0, 6.0], [6.0, 2.0]])
ROWS = (
    Exercise(
        "15.uphill",
        "Newton's method in Rosenbrock's valley, from (-1.2, 1). What does f do from step to step?",
        "choice",
        course,
        (("descends", lambda: "falls"), ("strays", lambda: "never")),
        "A step goes to the minimum of a parabola. Is f there what the parabola says?",
        "The parabola fits at one point only; one long step leaves it, f shoots up, and the next steps are good again.",
        words={
            "falls": "it falls at every step", "rises": "it rises on the way, and arrives at the minimum",
            "never": "it rises, and never comes back",
        },
    ),
    Exercise(
        "15.sixth",
        "f = x**6, and you are at x = 3.5. Where does one step of Newton's lead?",
        "number",
        lambda: newton_step(sixth, 3.5),
        (
            ("parabola", lambda: 0.0),
            ("divide", lambda: 3.5 - float(grad(sixth)(np.array(3.5)))),
            ("divide", lambda: 3.5 - 1 / float(hessian_of(sixth)(np.array(3.5)))),
            ("away", lambda: 7.0 - newton_step(sixth, 3.5)),
        ),
        "Write down slope and curvature, and divide one by the other before you put in the number.",
        "Slope over curvature is a fifth of x here: where f is no parabola, Newton takes more than one step.",
    ),
    Exercise(
        "15.hill",
        "f = x**4 / 4 - x**2 / 2 at x = 0.25. Where does one step of Newton's lead?",
        "number",
        lambda: newton_step(hill, 0.25),
        (
            ("summit", lambda: newton_step(hill, 0.25, sign=False)),
            ("summit", lambda: 1.0),
            ("divide", lambda: 0.25 - float(grad(hill)(np.array(0.25)))),
        ),
        "Which sign has the curvature at x = 0.25?",
        "The curvature is negative: the parabola has its summit there, and that is where the step leads.",
    ),
    Exercise(
        "15.muon",
        "A gradient diag(300, 0.4), rate 0.07, no momentum, no decay; the update is the gradient with all singular "
        "values made exactly 1. How far does the second entry of the diagonal move?",
        "number",
        lambda: orthogonal(0.07),
        (
            ("spectrum", lambda: moved(0.07, divide=False)),
            ("spectrum", lambda: moved(0.07, divide=True)),
            ("howfar", lambda: -orthogonal(0.07)),
        ),
        "What are the singular values of a diagonal matrix, and what becomes of the second one?",
        "Both directions move alike; that the second was 750 times weaker makes no difference.",
    ),
    Exercise(
        "15.damp",
        "Somewhere the Hessian is [[2, 6], [6, 2]]. From which lambda on does a step -(H + lambda I)^-1 g lead "
        "downhill for every gradient g?",
        "number",
        lambda: float(-np.linalg.eigvalsh(BENT)[0]),
        (
            ("entries", lambda: 0.0),
            ("entries", lambda: 6.0),
            ("steepest", lambda: float(np.linalg.eigvalsh(BENT)[-1])),
        ),
        "Along (1, 1) and along (1, -1): how strong is the curvature?",
        "Every curvature must be positive after adding lambda, so the most negative one decides.",
    ),
)
