"""Laws: what every row must fulfil, as code one can read, and checks of your own functions.

Two independent links say which rule is wrong: finite differences tie the JVP to the values
(`slope`), and the adjoint identity ties the VJP to the JVP (`adjoint`), without rounding.
`LAWS` is the table, ``check_op(op)`` runs it on one row; ``check_gradients`` and
``check_adjoint`` do the same for a function; `KINKS` lists the choices made where no derivative exists.
Update rules have laws of their own: `RULE_LAWS`, and ``check_rule(rule)``.
"""

# In the order in which the laws are told.
# isort: off
from torchlean_nb.laws import values as values
from torchlean_nb.laws import slope as slope
from torchlean_nb.laws import adjoint as adjoint
from torchlean_nb.laws import second as second
from torchlean_nb.laws import formula as formula

# isort: on
from torchlean_nb.laws.base import LAWS as LAWS
from torchlean_nb.laws.base import Law as Law
from torchlean_nb.laws.base import LawError as LawError
from torchlean_nb.laws.certificate import AdjointCertificate as AdjointCertificate
from torchlean_nb.laws.certificate import check_adjoint as check_adjoint
from torchlean_nb.laws.gradients import GradientReport as GradientReport
from torchlean_nb.laws.gradients import check_gradients as check_gradients
from torchlean_nb.laws.kinks import KINKS as KINKS
from torchlean_nb.laws.kinks import Kink as Kink
from torchlean_nb.laws.report import OpReport as OpReport
from torchlean_nb.laws.report import check_op as check_op
from torchlean_nb.laws.rules import RULE_LAWS as RULE_LAWS
from torchlean_nb.laws.rules import RuleReport as RuleReport
from torchlean_nb.laws.rules import check_rule as check_rule

__all__ = [
    "KINKS", "LAWS", "RULE_LAWS", "AdjointCertificate", "GradientReport", "Kink", "Law", "LawError", "OpReport",
    "RuleReport", "check_adjoint", "check_gradients", "check_op", "check_rule",
]  # fmt: skip
