"""Kernels on a device: neighbouring lines that treat elements alone become one launch.

A launch costs as much as going through ten thousand numbers, and each line of its own reads and writes memory. Here
what a line makes stays in a register unless somebody else reads it. Products and sums may be joined, as compilers for
devices do: this is for programs that are ``fast``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torchlean_nb.compiler.kernel_source import even
from torchlean_nb.compiler.lowering import Graph, Line
from torchlean_nb.compiler.plan import Plan, roots
from torchlean_nb.compiler.source import Text

# One element in CUDA C; R is the type of the result, and arguments have been made one.
FORMS = {
    "add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}", "neg": "-{}", "abs": "fabs({})",
    "maximum": "{0} > {1} || {0} != {0} ? {0} : {1}", "minimum": "{0} < {1} || {0} != {0} ? {0} : {1}",
    "greater": "{} > {}", "greater_equal": "{} >= {}", "equal": "{} == {}", "logical_not": "!{}",
    "where": "{} ? {} : {}", "astype": "{}", "pow": "pow({}, {})",
    "arctan": "atan({})",
    **{name: f"{name}({{}})" for name in "sqrt exp expm1 log log1p sin cos tan sinh cosh tanh".split()},
}  # fmt: skip
TYPES = {"f": "float", "d": "double", "?": "bool"}
LOGIC = ("greater", "greater_equal", "equal", "logical_not")
LEAST, MOST = 2, 24  # lines worth a kernel, and arrays of one


class Kernel(NamedTuple):
    """A launch in the place of some lines.

    Parameters
    ----------
    lines : tuple of int
    reads, stores : tuple of int
        Lines whose arrays it is called with.
    operation : str
        CUDA C for one element.
    """

    lines: tuple[int, ...]
    reads: tuple[int, ...]
    stores: tuple[int, ...]
    operation: str


class _Runs:
    """Finds neighbours that can share a launch."""

    def __init__(self, graph: Graph, plan: Plan):
        self.graph, self.plan, self.root = graph, plan, roots(graph)

    def able(self, i: int) -> bool:
        """Whether a line treats each element alone, in types that have a name in C."""
        line = self.graph.lines[i]
        args = [self.graph.lines[a] for a in line.args]
        if line.op not in FORMS or line.dtype.char not in TYPES or (line.op in LOGIC) != (line.dtype.char == "?"):
            return False
        return all(a.dtype.char in TYPES for a in args) and (line.op != "where" or args[0].dtype.char == "?")

    def memory(self, i: int) -> object:
        """The array a line lies in."""
        i = self.root[i]
        return self.plan.given.get(i, self.plan.place.get(i, -1 - i))

    def reads(self, run: Sequence[int]) -> list[int]:
        """Arguments from elsewhere, each once."""
        return list(dict.fromkeys(a for i in run for a in self.graph.lines[i].args if a not in run))

    def stores(self, run: Sequence[int]) -> list[int]:
        """Lines of a run that somebody else reads."""
        inside, lines = {*run}, self.graph.lines
        late = {a for i, x in enumerate(lines) if i not in inside for a in x.args} | {*self.graph.outputs}
        return [i for i in run if i in late]

    def sound(self, run: Sequence[int]) -> bool:
        """Whether one launch gives what one for each line gives: no element is written that another has to read."""
        reads, stores = self.reads(run), self.stores(run)
        if len(reads) + len(stores) > MOST or any(self.root[a] in run for a in reads):
            return False
        shape, into = self.graph.lines[run[0]].shape, {self.memory(i) for i in stores}
        plain = all(self.graph.lines[i].order == tuple(range(len(shape))) for i in stores)
        mixed = [a for a in reads if self.memory(a) in into]
        return not mixed or (plain and all(self.graph.lines[a].shape == shape and even(self.graph, a) for a in mixed))

    def kernel(self, run: Sequence[int]) -> Kernel:
        """The launch of a run."""
        reads, stores, lines = self.reads(run), self.stores(run), self.graph.lines
        name = {a: f"a{k}" for k, a in enumerate(reads)} | {i: f"v{i}" for i in run}
        body = [f"const {TYPES[lines[i].dtype.char]} v{i} = {_element(self.graph, lines[i], name)};" for i in run]
        body += [f"o{k} = v{i};" for k, i in enumerate(stores)]
        return Kernel(tuple(run), tuple(reads), tuple(stores), "\n".join(body))


def _element(graph: Graph, line: Line, name: dict[int, str]) -> str:
    kinds = [graph.lines[a].dtype.char for a in line.args]
    kind = TYPES[max(kinds, key="?fd".index) if line.op in LOGIC else line.dtype.char]  # what is compared, or made
    xs = [f"{kind}({name[a]})" for a in line.args]
    if line.op == "where":
        xs[0] = name[line.args[0]]
    return FORMS[line.op].format(*xs)


def kernels(graph: Graph, plan: Plan, steps: Sequence[int]) -> list[Kernel]:
    """Launches for runs of `steps`, the lines that are done in every run.

    Examples
    --------
    >>> from torchlean_nb.compiler.lowering import lower
    >>> from torchlean_nb.compiler.plan import plan
    >>> import torchlean_nb as tl
    >>> graph = lower(lambda x: tl.sum(tl.tanh(x * x) + 1.0), [[1.0, 2.0]], None, "float64", there=True)[0]
    >>> (kernel,) = kernels(graph, plan(graph), range(len(graph.lines)))
    >>> print(kernel.operation)
    const double v1 = double(a0) * double(a0);
    const double v2 = tanh(double(v1));
    const double v4 = double(v2) + double(a1);
    o0 = v4;
    """
    runs, found, run = _Runs(graph, plan), list[Kernel](), list[int]()
    for i in steps:
        line = graph.lines[i]
        if line.op in ("input", "const") or (i in plan.views and runs.root[i] not in run):
            continue  # nothing is done, or another look at what is there already
        able = runs.able(i)
        if able and run and line.shape == graph.lines[run[0]].shape and runs.sound([*run, i]):
            run.append(i)
            continue
        found += [runs.kernel(run)] if len(run) >= LEAST else []
        run = [i] if able and runs.sound([i]) else []
    return found + ([runs.kernel(run)] if len(run) >= LEAST else [])


def launched(graph: Graph, plan: Plan, text: Text) -> tuple[list[str], list[str]]:
    """Statements of a program with its kernels in the place of lines, and what they need to be made once."""
    found = kernels(graph, plan, [i for i, _ in text.steps])
    at, gone, lines = {k.lines[-1]: n for n, k in enumerate(found)}, {i for k in found for i in k.lines}, graph.lines
    body: list[str] = []
    for i, statements in text.steps:
        if i in at:
            k = found[at[i]]
            body.append(f"# {', '.join(lines[j].op for j in k.lines)}")
            body += [f"{text.word[j]} = np.empty({lines[j].shape!r}, {_dtype(lines[j])})" for j in k.stores
                     if j not in plan.place and j not in plan.given]  # fmt: skip
            called = ", ".join(text.word[j] for j in (*k.reads, *k.stores))
            body.append(f"kernels[{at[i]}]" + f"({called})")
        elif i not in gone:
            body += statements
    made = [line for k in found for line in _made(graph, k)]
    return body, ["", "kernels = (", *made, ")"] if found else []


def _dtype(line: Line) -> str:
    return "bool" if line.dtype.kind == "b" else f"np.{line.dtype.name}"


def _made(graph: Graph, k: Kernel) -> list[str]:
    ins = ", ".join(f"{graph.lines[i].dtype.name} a{n}" for n, i in enumerate(k.reads))
    outs = ", ".join(f"{graph.lines[i].dtype.name} o{n}" for n, i in enumerate(k.stores))
    operation = [f"        {line}" for line in k.operation.split("\n")]
    return [f'    np.ElementwiseKernel("{ins}", "{outs}", """', *operation, f'    """, "lines_{k.lines[0]}"),']
