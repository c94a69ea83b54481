"""``python -m pcneuro`` is ``pcneuro``."""

import sys

from pcneuro.cli import main

if __name__ == "__main__":
    sys.exit(main())
