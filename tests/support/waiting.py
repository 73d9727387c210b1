"""Waiting on events, never on the clock.

Every wait of the suite ends when something happened; PATIENCE is only the bound after which we call it a
failure. It is generous because the sanitizer builds run on slow, shared cores.
"""

import os
import time

PATIENCE = float(os.environ.get("SLUICE_TEST_PATIENCE", "60"))


def wait_until(happened, what, patience=PATIENCE, pause=0.01):
    """Calls `happened` until it returns something true, and returns that."""
    deadline = time.monotonic() + patience
    while True:
        result = happened()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience:.0f} s in vain for: {what}")
        time.sleep(pause)
