"""Run ``python -m benchmarks`` from the top of the checkout. See README.md."""

import sys

# Put the checkout last, so that the benchmarks measure the installed library.
sys.path.append(sys.path.pop(0))

from benchmarks.command import main

main()
