"""Lesson 20b: the same ops on a tape and in a compiled program."""

from functools import cache

import numpy as np

from torchlean_nb.compiler import Program, compile
from torchlean_nb.engine import Session
from torchlean_nb.errors import HandleTypeError
from torchlean_nb.lessons.row import Exercise
from torchlean_nb.rows import OPS

N = 1000


def loss(W1, b1, W2, x, y):
    """The network of the lesson."""
    return OPS["mse_loss"](OPS["tanh"](x @ W1 + b1) @ W2, y)


def differing(p: Program, *arrays: np.ndarray) -> int:
    """Bits of the loss and its gradient that differ between the tape and the program."""
    s = Session(seed=0)
    handles = [s.param(a) for a in arrays[:3]]
    out = loss(*handles, *arrays[3:])
    s.backward(out)
    value, slopes = p.value_and_grad(*arrays)
    pairs = [(out.value, value), *((s.grads[h], g) for h, g in zip(handles, slopes, strict=True))]
    pairs = [[np.ascontiguousarray(a).view(np.uint8) for a in map(np.atleast_1d, pair)] for pair in pairs]
    return sum(int(np.unpackbits(a ^ b).sum()) for a, b in pairs)


def bits() -> str:
    """How many bits a compiled loss and its gradient differ in."""
    rng = np.random.default_rng(0)
    shapes = (2, 3), (3,), (3, 1), (8, 2), (8, 1)
    arrays = [rng.normal(size=shape) for shape in shapes]
    return "some" if differing(compile(loss, *arrays, argnums=(0, 1, 2)), *arrays) else "none"


@cache
def ramp(dtype: str = "float32") -> Program:
    """``maximum(a * x + b, c * x)`` for a thousand numbers."""
    four = [np.ones(N, dtype)] * 4
    return compile(lambda a, b, c, x: OPS["maximum"](a * x + b, c * x), *four)


def moved(dtype: str = "float32") -> int:
    """Bytes that its ops read and write, one op after the other."""
    return ramp(dtype).trace(values=False).moved


def written() -> int:
    """Bytes that they write."""
    return sum(x.nbytes for x in ramp().trace(values=False).steps)


def fused() -> int:
    """Bytes that one loop over all of it reads and writes: the arguments, and the result."""
    t = ramp().trace(values=False)
    return sum(x.nbytes for x in t.lines if x.op == "input") + t.lines[t.outputs[0]].nbytes


@cache
def chain() -> Program:
    """tanh, ten times."""

    def ten(x):
        for _ in range(10):
            x = OPS["tanh"](x)
        return x

    return compile(ten, np.ones(N))


def refused() -> str:
    """Which of three functions cannot be compiled."""
    three = {
        "value": lambda x: x if x.sum() > 0 else -x,
        "shape": lambda x: x if x.shape[0] > 2 else -x,
        "where": lambda x: OPS["where"](x.sum() > 0, x, -x),
    }
    for name, f in three.items():
        try:
            compile(f, np.ones(N))
        except HandleTypeError:
            return name
    return "none"


def frozen() -> str:
    """Why a program drops the same units each time."""
    x = np.ones(N)
    inside = compile(lambda x: OPS["dropout"](x, 3, p=0.5), x)
    given = compile(lambda x, key: OPS["dropout"](x, key, p=0.5), x, np.int64(3))
    same = np.array_equal(inside(x), inside(x))
    return "constant" if same and not np.array_equal(given(x, np.int64(3)), given(x, np.int64(4))) else "never"


ROWS = (
    Exercise(
        "20b.bits",
        "The loss of a small network and its gradient, once on the tape and once compiled, in float64. How many of "
        "their bits differ?",
        "choice",
        bits,
        (("reordered", lambda: "some"), ("reordered", lambda: "many")),
        "Which ops run, in which order does each of them add up, and what does a compiler have to change about that?",
        "The same functions of NumPy run on the same numbers. Only when they run, and where they write, is decided "
        "beforehand.",
        words={"none": "none at all", "some": "a few, in the last places", "many": "about half of them"},
    ),
    Exercise(
        "20b.bytes",
        "maximum(a * x + b, c * x) for 1000 numbers in float32, one op of NumPy after the other. How many bytes are "
        "read and written?",
        "number",
        moved,
        (
            ("onlywritten", written),
            ("doubles", lambda: moved("float64")),
            ("fusing", fused),
            ("numbers", lambda: moved() // 4),
        ),
        "Four ops. Each of them reads two arrays and writes one.",
        "Nothing of an array of that size stays in a register from one op to the next.",
        exact=True,
    ),
    Exercise(
        "20b.arrays",
        "Ten times tanh, one after the other, of an array; only the result is wanted. How many arrays does the "
        "compiled program make for its values?",
        "number",
        lambda: len(chain().trace(values=False).lanes),
        (("everyop", lambda: len(chain().trace(values=False).steps)), ("pingpong", lambda: 2)),
        "tanh looks at each element once. Who needs the array before it afterwards?",
        "Each tanh writes over what it has just read. On the tape all ten values stay, for the way back.",
        exact=True,
    ),
    Exercise(
        "20b.branch",
        "Which of these functions of x cannot be compiled?",
        "choice",
        refused,
        (("shapes", lambda: "shape"), ("both", lambda: "where")),
        "A program is traced once. Which question has another answer when the numbers are others, but the shapes are "
        "the same?",
        "Its sign of the sum is known only when the program runs, and then the lines have long been written.",
        words={
            "value": "x if x.sum() > 0 else -x",
            "shape": "x if x.shape[0] > 2 else -x",
            "where": "tl.where(x.sum() > 0, x, -x)",
        },
    ),
    Exercise(
        "20b.mask",
        "Somebody compiles a network with dropout, and every run drops the same units. What has happened?",
        "choice",
        frozen,
        (("nodropout", lambda: "never"), ("seeded", lambda: "seed")),
        "What does tracing make of a Python number that stands in the function?",
        "The key is a number like any other: written into the function it is a constant, as an argument it is new in "
        "each run.",
        words={
            "seed": "the session has a fixed seed, so nothing can change",
            "constant": "the key of the mask is a number inside the function, so it was traced as a constant",
            "never": "dropout cannot be compiled",
        },
    ),
)  # fmt: skip
