"""Port numbers that no other test, also of another run beside this one, will be given."""

import fcntl
import os
import random
import socket
import tempfile

_held = []


def free_port():
    """A port below the ephemeral range, free on 127.0.0.1 and ::1, ours until the process ends."""
    folder = os.path.join(tempfile.gettempdir(), f"sluice-test-ports-{os.getuid()}")
    os.makedirs(folder, exist_ok=True)
    while True:
        port = random.randrange(10000, 32000)
        claim = open(os.path.join(folder, str(port)), "w")
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                with socket.socket(family, socket.SOCK_STREAM) as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((host, port))
        except OSError:
            claim.close()
            continue
        _held.append(claim)
        return port


def closed_port():
    """A port where connections are refused."""
    return free_port()
