"""Read by every Python that has this folder on its path, before anything else: see `testing.moved_clock`."""

import moonpalace.testing.moved_clock  # noqa: F401
