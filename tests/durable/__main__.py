"""Run ``python -m tests.durable`` from the top of the checkout."""

from tests.torture.command import main

from .command import SUITE

if __name__ == "__main__":
    raise SystemExit(main(SUITE))
