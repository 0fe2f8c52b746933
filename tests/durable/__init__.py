"""Durable creates that are interrupted until every key has its stream, and what is then checked.

They are killed, disconnected, and stopped. See ``python -m tests.durable --help``.
"""

import sys
from pathlib import Path

# The folder of the tests' shared modules, which only pytest would find automatically.
sys.path.append(str(Path(__file__).parents[1] / "support"))
