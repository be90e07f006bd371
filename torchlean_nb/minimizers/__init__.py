"""Methods that evaluate the function themselves, as pure algorithms that ask.

``asking`` is the protocol (`Evaluate`, `Point`, `Step`), ``table`` the row and the table `METHODS`,
``searches`` and ``torch_search`` the line searches, ``descent``, ``conjugate``, ``secant``, ``lbfgs``,
``newton``, ``direct`` (values only) and ``sums`` the methods, ``rules`` makes methods of the update
rules, ``running`` drives them all: `minimize`.
"""

from torchlean_nb.minimizers import conjugate as conjugate
from torchlean_nb.minimizers import descent as descent
from torchlean_nb.minimizers import direct as direct
from torchlean_nb.minimizers import lbfgs as lbfgs
from torchlean_nb.minimizers import newton as newton
from torchlean_nb.minimizers import secant as secant
from torchlean_nb.minimizers import sums as sums
from torchlean_nb.minimizers.asking import Evaluate as Evaluate
from torchlean_nb.minimizers.asking import Point as Point
from torchlean_nb.minimizers.asking import Step as Step
from torchlean_nb.minimizers.asking import drive as drive
from torchlean_nb.minimizers.rules import method_of as method_of
from torchlean_nb.minimizers.rules import of_rule as of_rule
from torchlean_nb.minimizers.running import Minimized as Minimized
from torchlean_nb.minimizers.running import iterates as iterates
from torchlean_nb.minimizers.running import minimize as minimize
from torchlean_nb.minimizers.searches import SEARCHES as SEARCHES
from torchlean_nb.minimizers.searches import Search as Search
from torchlean_nb.minimizers.searches import Trial as Trial
from torchlean_nb.minimizers.searches import armijo as armijo
from torchlean_nb.minimizers.searches import exact as exact
from torchlean_nb.minimizers.searches import line_search as line_search
from torchlean_nb.minimizers.searches import strong_wolfe as strong_wolfe
from torchlean_nb.minimizers.table import METHODS as METHODS
from torchlean_nb.minimizers.table import Method as Method
from torchlean_nb.minimizers.table import method as method
from torchlean_nb.minimizers.torch_search import torch_wolfe as torch_wolfe

__all__ = [
    "Evaluate", "METHODS", "Method", "Minimized", "Point", "SEARCHES", "Search", "Step", "Trial", "armijo", "drive",
    "exact", "iterates", "line_search", "method", "method_of", "minimize", "of_rule", "strong_wolfe",
    "torch_wolfe",
]  # fmt: skip
