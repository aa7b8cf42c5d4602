from __future__ import annotations

from hypothesis import settings

# the first example of a kernel compiles it
settings.register_profile("kernels", deadline=None)
settings.load_profile("kernels")
