"""`python -m resolver.cli` is `sightline`."""

from __future__ import annotations

import sys

from resolver.cli import main

sys.exit(main())
