"""Read by every Python that has this folder on its path, before anything else: see `testing.windows_shape`."""

import os

os.environ["MOONPALACE_TEST_SHAPE"] = "windows"
import moonpalace.testing.windows_shape  # noqa: F401
