"""The command line as a module: ``python -m livestream_core.cli``."""

from __future__ import annotations

import sys

from . import main

sys.exit(main())
