"""What tests of pools share: checked configurations, how the servers are, and servers that fail in a hundred ways."""

import json
import socket
import threading
import time
from urllib.parse import quote

from sluice import config, pool
from waiting import PATIENCE, wait_until

CHECK = "/check"
QUICK = {"path": CHECK, "interval": "100ms", "jitter": 0}
ONCE = {"path": CHECK, "interval": "1h", "timeout": "30s"}  # the first check, and none after it


def checked(*servers, health, keys=(), **document):
    """config() whose pool has `health`; `keys` are more of the pool, `document` of the file."""
    return config(**{"pools": {"app": pool(*servers, health=health, **dict(keys))}, "routes": [{"pool": "app"}], **document})


# --- how the servers are -------------------------------------------------------------------------------------

def name_of(server):
    return getattr(server, "address", server)


def pools(sluice):
    """The pools as `GET /api/pools` says them, by name."""
    answer = sluice.admin("/api/pools")
    assert answer.status == 200, answer
    return {one["pool"]: one for one in json.loads(answer.body)["pools"]}


def look(sluice, server, pool_name="app"):
    """One server, as `GET /api/pools` says it."""
    return next(one for one in pools(sluice)[pool_name]["servers"] if one["server"] == name_of(server))


def wait_state(sluice, server, state, pool_name="app"):
    wait_until(lambda: look(sluice, server, pool_name)["state"] == state, f"{name_of(server)} to be {state}")


def metric(sluice, sample):
    """The value of `name{labels}`, as written."""
    lines = sluice.admin("/metrics").body.decode().splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == sample)


def turns(sluice, server):
    """What the log says became of a server so far, in order. A reload closes it: lines are written in order."""
    assert sluice.reload().returncode == 0
    words = [f"server {name_of(server)} is down", f"server {name_of(server)} is up"]
    return [word.rpartition(" ")[2] for line in list(sluice.lines) for word in words if line and word in line]


def set_duty(sluice, duty, server, pool_name="app", **encoding):
    """POSTs it; returns the response. The name is percent-encoded, all of it unless safe="…" is given."""
    return sluice.admin(f"/api/pools/{pool_name}/servers/{quote(name_of(server), **{'safe': '', **encoding})}/{duty}", "POST")


def reached(sluice, count=20, path="/"):
    """Which servers answer `count` requests: their X-Origin, or the status where there is none."""
    return {one.get("X-Origin") or one.status for one in (sluice.get(path) for _ in range(count))}


# --- servers -------------------------------------------------------------------------------------------------

def verdicts(letters):
    """A script: P answers 200, F answers 500, one letter for each check; the last one for all further ones."""
    rest = list(letters)
    return lambda visit: visit.reply(200 if (rest.pop(0) if len(rest) > 1 else rest[0]) == "P" else 500)


class Health:
    """A script for checks that the test turns: `health.well = False`. Set before the server's first check."""

    def __init__(self, app, well=True, path=CHECK):
        self.well = well
        self.app = app
        app.play(path, lambda visit: visit.reply(200 if self.well else 500))

    @property
    def count(self):
        return len(self.app.to(CHECK))

    def wait_more(self, count):
        """Waits for `count` checks from now on."""
        wanted = self.count + count
        self.app.wait(lambda: self.count >= wanted, f"check {wanted}, had {self.count}")


def under_tls(app, context):
    """Makes a ScriptedUpstream speak TLS."""

    def shake_hands(connection):
        connection.sock = connection.wire.sock = context.wrap_socket(connection.sock, server_side=True)

    app.on_connect = shake_hands
    return app


class BlackHole:
    """Its backlog is full: connections to it are neither made nor refused. A context manager."""

    def __enter__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.waiting = []
        for _ in range(8):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(self.listener.getsockname())
            self.waiting.append(one)
        return self

    def __exit__(self, *_):
        for one in (*self.waiting, self.listener):
            one.close()


class Deaf:
    """Takes connections and reads, and never says a byte. A context manager; `count` connections came."""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.taken = []
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()
        return self

    def accept(self):
        while True:
            try:
                self.taken.append(self.listener.accept()[0])
            except OSError:
                return

    @property
    def count(self):
        return len(self.taken)

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(PATIENCE)
        for one in (*self.taken, self.listener):
            one.close()


def stamped(app):
    """Lists when each request for the check's path came. Set before the first one."""
    times = []
    app.play(CHECK, lambda visit: (times.append(time.monotonic()), visit.reply()))
    return times
