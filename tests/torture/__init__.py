"""Migrations that are killed, cut off and stopped, until all is done; then what is at the target
is compared with what was to be there. ``python -m tests.torture --help``.
"""

import sys
from pathlib import Path

# Where pytest finds what tests share: this is run without it.
sys.path.append(str(Path(__file__).parents[1] / "support"))
