"""What single rows of the table of update rules do differently: with its reason, beside the laws themselves."""

from torchlean_nb.laws.rules_known import CALLS as CALLS
from torchlean_nb.laws.rules_known import EXCEPTIONS as EXCEPTIONS
from torchlean_nb.laws.rules_known import GIVEN as GIVEN

DECAYS = {"weight_decay", "lambd", "l1"}
