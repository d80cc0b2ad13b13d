"""``python -m asgi_patterns`` is the command ``asgi-patterns``."""

import sys

from asgi_patterns.cli import main

if __name__ == "__main__":
    sys.exit(main())
