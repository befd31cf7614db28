"""How the properties are tried: the same examples each time, in bounded time.

Making a failing world smaller can take minutes; `SHRINK=1 pytest …` does it.
"""

import os

from hypothesis import HealthCheck, Phase, settings

_SMALLER = (Phase.shrink,) if os.environ.get("SHRINK") else ()
PROFILE = settings(
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate, *_SMALLER),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
