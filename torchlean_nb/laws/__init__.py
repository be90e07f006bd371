"""Laws: what every row must fulfil, as code one can read, and checks of your own functions.

Two independent links say which rule is wrong: finite differences tie the JVP to the values
(`slope`), and the adjoint identity ties the VJP to the JVP (`adjoint`), without rounding.
`LAWS` is the table, ``check_op(op)`` runs it on one row; ``check_gradients`` and
``check_adjoint`` do the same for a function; `KINKS` lists the choices made where no derivative exists.
"""

from torchlean_nb.laws import adjoint as adjoint
from torchlean_nb.laws import formula as formula
from torchlean_nb.laws import second as second
from torchlean_nb.laws import slope as slope
from torchlean_nb.laws import values as values
from torchlean_nb.laws.base import LAWS as LAWS
