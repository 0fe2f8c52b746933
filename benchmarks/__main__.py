"""``python -m benchmarks``, from the top of the checkout. See README.md."""

import sys

# The checkout comes last, so that the library is measured as it was installed.
sys.path.append(sys.path.pop(0))

from benchmarks.command import main

main()
