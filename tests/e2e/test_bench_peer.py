"""beast-proxy, the peer of our own in the comparison: it does the work that is measured, or the figures mean nothing."""

import json
import subprocess
from collections import Counter

import pytest

from bench import Origin
from cases_requests import get
from client import RawClient, connect, trusting
from ports import free_port
from sluice import HARM, binary, environment
from waiting import PATIENCE, wait_until
from wire import chunks


class BeastProxy:
    def __init__(self, leaf, *servers):
        self.http, self.https = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self.process = subprocess.Popen(
            [binary("beast-proxy"), "--http", self.http, "--https", self.https, "--cert", leaf.cert, "--key", leaf.key,
             *(word for server in servers for word in ("--to", server))],
            stderr=subprocess.PIPE, text=True, env=environment())
        wait_until(self.listens, "beast-proxy to listen")

    def listens(self):
        assert self.process.poll() is None, self.process.stderr.read()
        try:
            connect(self.https).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        complaints = self.process.communicate(timeout=PATIENCE)[1]
        assert self.process.returncode == 0 and not HARM.search(complaints), complaints


@pytest.fixture
def play(authority):
    """play(server…) starts it in front of servers."""
    running = []

    def start(*servers):
        running.append(BeastProxy(authority.leaf("app.test"), *servers))
        return running[-1]

    yield start
    for one in running:
        one.stop()


@pytest.fixture
def origin():
    one = Origin()
    yield one
    one.stop()


@pytest.mark.parametrize("over", ["http", "https"])
def test_messages_pass_whole(play, origin, over):
    proxy = play(origin.address)
    tls = trusting() if over == "https" else None
    with RawClient(getattr(proxy, over), tls=tls, server_name="app.test" if tls else None) as client:
        assert client.get("/").status == 200
        assert len(client.get("/download?size=200KiB").body) == 200 << 10
        chunked = client.get("/x?size=100KiB&chunk=5000&trailers=1")
        assert chunked.framing == "chunked" and len(chunked.body) == 100 << 10
        assert client.request("HEAD", "/download").body == b""
        assert client.get("/x?status=304").status == 304
        assert json.loads(client.request("POST", "/upload", body=b"x" * 300_000).body)["bytes"] == 300_000
        client.send(get("Transfer-Encoding: chunked", method="POST", target="/upload") + chunks(b"hello"))
        assert json.loads(client.response().body)["bytes"] == 5
        assert client.get("/last", "Connection: close").status == 200
        client.closed_cleanly()


def test_it_does_the_work_of_the_others(play, origin):
    """Forwarding fields, a request id, hop-by-hop fields dropped, kept connections."""
    proxy = play(origin.address)
    with RawClient(proxy.http) as client:
        seen = []
        for _ in range(3):
            answer = client.get("/echo", "Connection: X-Mine", "X-Mine: 1", "TE: trailers", "X-Forwarded-For: 1.2.3.4")
            seen.append(json.loads(answer.body))
    told = {name.lower(): value for name, value in seen[0]["headers"]}
    assert told["x-forwarded-for"] == "127.0.0.1" and told["x-forwarded-proto"] == "http"
    assert told["x-forwarded-host"] == told["host"] == "app.test"
    assert len(told["x-request-id"]) == 32 and not {"x-mine", "te"} & set(told)
    assert len({dict(map(tuple, one["headers"]))["X-Request-ID"] for one in seen}) == 3
    assert origin.stats()["connections"] == 2, "one for all of these, and one of this question"


def test_it_goes_to_the_server_with_the_fewest(play, apps, gate):
    slow, quick = apps(name="slow"), apps(name="quick")
    for one in (slow, quick):
        one.play("/wait", lambda visit: (visit.body(), gate.wait(PATIENCE), visit.reply()))
    proxy = play(slow.address, quick.address)
    with RawClient(proxy.http) as waiting, RawClient(proxy.http) as client:
        waiting.send(b"GET /wait HTTP/1.1\r\nHost: app.test\r\n\r\n")
        wait_until(lambda: slow.to("/wait") or quick.to("/wait"), "a request to wait")
        busy = "slow" if slow.to("/wait") else "quick"
        names = Counter(client.get("/").get("X-Origin") for _ in range(10))
        assert names == {"quick" if busy == "slow" else "slow": 10}
        gate.set()
        assert waiting.response().status == 200


def test_a_request_outlives_a_kept_connection(play, apps):
    app = apps()
    app.play("/", lambda visit: (visit.body(), visit.reply(), visit.close()))
    proxy = play(app.address)
    with RawClient(proxy.http) as client:
        assert [client.get("/").status for _ in range(3)] == [200, 200, 200]


def test_a_session_that_beast_throws_in_takes_no_other_with_it(play, origin):
    proxy = play(origin.address)
    with RawClient(proxy.http) as other:
        assert other.get("/").status == 200
        with RawClient(proxy.http) as client:
            client.try_send(get("Transfer-Encoding: chunked", method="POST") + b"0\r\nX: " + b"y" * 70_000 + b"\r\n\r\n")
            client.rest()
        assert other.get("/").status == 200
