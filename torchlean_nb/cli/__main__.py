"""``python -m torchlean_nb.cli`` where there is no console script."""

import sys

from torchlean_nb.cli import main

if __name__ == "__main__":
    sys.exit(main())
