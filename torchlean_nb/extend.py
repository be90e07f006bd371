"""Rows of your own: the decorators behind the built-in ops, for a notebook.

Examples
--------
>>> import torchlean_nb as tl
>>> def slope(xp, t, y, x):
...     return t * (2 * x)
>>> @tl.extend.elementwise(partials=(slope,), latex="#1^{2}", dlatex=("2 #1",), samples=(tl.extend.S((3,)),))
... def my_square(xp, x):
...     "Square, once more."
...     return x * x
>>> s = tl.Session()
>>> x = s.param(3.0)
>>> float(s.backward(s.my_square(x))[x])
6.0
"""

from torchlean_nb.domains import ABOVE_MINUS_ONE as ABOVE_MINUS_ONE
from torchlean_nb.domains import INDEX as INDEX
from torchlean_nb.domains import MASK as MASK
from torchlean_nb.domains import NONNEGATIVE as NONNEGATIVE
from torchlean_nb.domains import NONZERO as NONZERO
from torchlean_nb.domains import POSITIVE as POSITIVE
from torchlean_nb.domains import REAL as REAL
from torchlean_nb.domains import UNIT as UNIT
from torchlean_nb.domains import S as S
from torchlean_nb.domains import idx as idx
from torchlean_nb.hypers import Hyper as Hyper
from torchlean_nb.rows import constant as constant
from torchlean_nb.rows import elementwise as elementwise
from torchlean_nb.rows import general as general
from torchlean_nb.rows import linear as linear
from torchlean_nb.rows import multilinear as multilinear
from torchlean_nb.updates import Slot as Slot
from torchlean_nb.updates import update_rule as update_rule

__all__ = [
    "ABOVE_MINUS_ONE", "Hyper", "INDEX", "MASK", "NONNEGATIVE", "NONZERO", "POSITIVE", "REAL", "S", "Slot", "UNIT",
    "constant", "elementwise", "general", "idx", "linear", "multilinear", "update_rule",
]  # fmt: skip
