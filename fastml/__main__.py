"""``python -m fastml``."""

import sys

from fastml._cli import main

if __name__ == "__main__":
    sys.exit(main())
