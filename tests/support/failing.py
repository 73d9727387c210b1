"""Servers that fail as the test says, and what Sluice tells about them. For HTTP/1 and HTTP/2 applications alike."""

import json
import re
import threading

from http2 import Http2Client
from waiting import PATIENCE, wait_until

LISTENERS = {"http": "127.0.0.1:0", "h2c": {"address": "127.0.0.1:0", "protocols": ["h2c"]}}


def is_h2(visit):
    return hasattr(visit, "stream")


def answer(visit, status=200, body=b"", *fields):
    """A plain answer that names its server."""
    fields = (f"x-origin: {visit.upstream.name}", *fields)
    visit.reply(status, *fields, body=body) if is_h2(visit) else visit.reply(status, body, fields)


def die(visit):
    """The connection ends before a byte of the response."""
    (visit.connection if is_h2(visit) else visit).reset()


def hang_up(visit):
    (visit.connection if is_h2(visit) else visit).close()


def mute(visit):
    """Never a byte; until Sluice gives it up."""
    visit.wait_reset() if is_h2(visit) else (visit.wait_for_close(), visit.close())


def status(code, *fields):
    return lambda visit: answer(visit, code, f"{code} of {visit.upstream.name}".encode(), *fields)


FAILURES = {"reset": die, "timeout": mute, "status": status(503)}


class Scene:
    """Of the requests for one path, to whichever of `servers`, the first `times` fail and the others are answered.

    `visits` has them in the order in which they came.
    """

    def __init__(self, servers, path, fail=die, times=1, then=answer, read=True):
        self.servers, self.path, self.visits = list(servers), path, []
        lock = threading.Lock()

        def script(visit):
            with lock:
                self.visits.append(visit)
                failing = len(self.visits) <= times
            if read:
                visit.body()
            (fail if failing else then)(visit)

        for one in self.servers:
            one.play(path, script)

    @property
    def asked(self):
        """The names of the servers, in the order in which they were asked."""
        return [visit.upstream.name for visit in self.visits]

    def wait(self, count):
        wait_until(lambda: len(self.visits) >= count, f"request {count} for {self.path}, came: {self.asked}")
        return self.visits[count - 1]


def ask(sluice, method="GET", path="/", *fields, body=b"", http2=False, host="app.test"):
    """One request on a connection of its own; the answer has `status`, `get` and `body` with both protocols."""
    if not http2:
        with sluice.connect() as visitor:
            return visitor.request(method, path, *fields, body=body, host=host)
    with Http2Client(sluice["h2c"]) as visitor:
        return visitor.request(method, path, *fields, body=body, authority=host)


# --- what Sluice tells ---------------------------------------------------------------------------------------

def metric(sluice, name, **labels):
    """The sum of a metric over the lines with these labels."""
    found = [line for line in sluice.admin("/metrics").body.decode().splitlines()
             if line.startswith(name + "{") and all(f'{key}="{value}"' in line for key, value in labels.items())]
    assert found, f"no {name} with {labels}"
    return sum(float(line.rsplit(" ", 1)[1]) for line in found)


def retries(sluice, reason, pool="app"):
    return metric(sluice, "sluice_upstream_retries_total", pool=pool, reason=reason)


def pool_state(sluice, pool="app"):
    pools = json.loads(sluice.admin("/api/pools").body)
    pools = pools["pools"] if isinstance(pools, dict) else pools
    return next(p for p in pools if p["pool"] == pool)


def servers_of(sluice, pool="app"):
    """Address → what /api/pools says of it."""
    return {server["server"]: server for server in pool_state(sluice, pool)["servers"]}


def state(sluice, server, pool="app"):
    return servers_of(sluice, pool)[server.address]["state"]


def wait_idle(sluice, pool="app"):
    """Until no request is under way in the pool: nothing has leaked a place."""
    wait_until(lambda: not any(s["active"] for s in servers_of(sluice, pool).values()), f"nothing under way in {pool}")


def wait_queued(sluice, count, pool="app"):
    wait_until(lambda: pool_state(sluice, pool)["queued"] == count, f"{count} requests that wait")


def ejected(sluice, pool="app"):
    return [address for address, server in servers_of(sluice, pool).items() if server["state"] == "ejected"]


def ejection_lengths(sluice, server):
    """In seconds, as logged."""
    return [float(seconds) for seconds in
            re.findall(rf"server {re.escape(server.address)} is ejected for ([0-9.]+) s", sluice.log)]


def access_line(file, path):
    """The line of the access log for the one request for `path`; they are written every half second."""
    def found():
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [line for line in lines if line.get("path") == path]
    return wait_until(found, f"a line for {path} in the access log", PATIENCE)[0]


def in_background(work, count=1):
    """Starts work(number) in threads; returns a function that joins them and returns what they returned."""
    results = [None] * count

    def run(number):
        results[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for one in threads:
        one.start()

    def join():
        for one in threads:
            one.join(PATIENCE)
            assert not one.is_alive(), "a request that never ended"
        return results
    return join
