"""Run ``python -m tests.torture`` from the top of the checkout."""

from .command import main

if __name__ == "__main__":
    raise SystemExit(main())
