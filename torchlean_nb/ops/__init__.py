"""The ops: one row each, grouped by family. Importing this package fills ``rows.OPS``.

``arithmetic`` between arrays, ``logic`` (comparisons, where), ``elementary`` functions of one
array, ``activation`` and ``nonlinear`` functions, ``reduction``, ``linalg``, ``einsum``, ``shape``, ``indexing``,
``normalize`` (softmax and norms), ``loss``, ``classify`` (cross entropy), ``conv``, ``pool``,
``attention``, ``random``. Made of rows: ``getitem``, indexing with arrays, ``slicing``; ``border``, borders that
are not zeros; ``adaptive`` pooling; and ``dims``, the names of convolution and pooling with a number of dimensions.
"""

from torchlean_nb.ops import activation as activation
from torchlean_nb.ops import adaptive as adaptive
from torchlean_nb.ops import arithmetic as arithmetic
from torchlean_nb.ops import attention as attention
from torchlean_nb.ops import border as border
from torchlean_nb.ops import classify as classify
from torchlean_nb.ops import conv as conv
from torchlean_nb.ops import dims as dims
from torchlean_nb.ops import einsum as einsum
from torchlean_nb.ops import elementary as elementary
from torchlean_nb.ops import getitem as getitem
from torchlean_nb.ops import indexing as indexing
from torchlean_nb.ops import linalg as linalg
from torchlean_nb.ops import logic as logic
from torchlean_nb.ops import loss as loss
from torchlean_nb.ops import nonlinear as nonlinear
from torchlean_nb.ops import normalize as normalize
from torchlean_nb.ops import pool as pool
from torchlean_nb.ops import random as random
from torchlean_nb.ops import reduction as reduction
from torchlean_nb.ops import shape as shape
from torchlean_nb.ops import slicing as slicing
