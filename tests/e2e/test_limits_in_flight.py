"""Requests under way: as many as the limit has, and none that is counted when it is over, however it ended."""

import contextlib
import re
import threading

import pytest

from bench import Origin
from http2 import Code, Http2Client, head, rst_stream
from limited import left, limited
from test_upgrade import echo, exchange, shake_hands
from waiting import wait_until

MOST = 3
FLIGHT = {"flight": {"concurrency": MOST, "key": "host"}}
LISTENERS = {"http": "127.0.0.1:0", "h2c": {"address": "127.0.0.1:0", "protocols": ["h2c"]}}


@pytest.fixture
def held(start, app, gate):
    """Sluice with a limit, before an application that answers /slow when the gate opens."""
    app.play("/slow", lambda v: (v.body(), gate.wait(), v.reply(body=b"at last")))
    app.play("/chat", echo)
    return start(limited(app, limits=FLIGHT, listeners=LISTENERS))


def occupy(stack, sluice, app):
    """Connections, each of which waits for /slow: all that the limit allows."""
    clients = []
    for number in range(1, MOST + 1):
        clients.append(stack.enter_context(sluice.connect()))
        clients[-1].send(b"GET /slow HTTP/1.1\r\nHost: app.test\r\n\r\n")
        app.wait_visits(number, "/slow")
    return clients


def assert_full(sluice):
    answer = sluice.get()
    assert (answer.status, answer.get("Retry-After"), left(answer, "flight")) == (429, "1", 0)


def under_way(sluice):
    """Requests at servers, as /metrics has them."""
    return sum(map(int, re.findall(r"^sluice_upstream_active\{.*\} (\d+)$", sluice.admin("/metrics").body.decode(), re.M)))


def wait_empty(sluice):
    """All places are free again: a request has one, and sees the others."""
    wait_until(lambda: left(sluice.get(), "flight") == MOST - 1, "nothing to be under way")


def test_there_are_as_many_as_the_limit_has(held, app, gate):
    with contextlib.ExitStack() as stack:
        clients = occupy(stack, held, app)
        assert_full(held)
        assert held.get(host="other.test").status == 200
        gate.set()
        assert [client.response().body for client in clients] == [b"at last"] * MOST
        wait_empty(held)


def test_refused_requests_are_not_counted(held, app, gate):
    with contextlib.ExitStack() as stack:
        occupy(stack, held, app)
        for _ in range(20):
            assert_full(held)
        gate.set()
        wait_empty(held)


def test_clients_vanish(held, app):
    with contextlib.ExitStack() as stack:
        for client in occupy(stack, held, app):
            client.reset()
        wait_empty(held)


def test_clients_vanish_in_the_middle_of_an_upload(held, app):
    app.play("/upload", lambda v: v.body())
    for number in range(1, MOST + 1):
        with held.connect() as client:
            client.send(b"POST /upload HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1000\r\n\r\nsome of it")
            app.wait_visits(number, "/upload")
    wait_empty(held)


def test_servers_die(start):
    origin = Origin()
    sluice = start(limited(origin, limits=FLIGHT))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(sluice.connect()) for _ in range(MOST)]
        for client in clients:
            client.send(b"POST /?never=1 HTTP/1.1\r\nHost: app.test\r\nContent-Length: 0\r\n\r\n")
        wait_until(lambda: under_way(sluice) == MOST, "the places to be taken")
        assert_full(sluice)
        origin.stop()
        assert [client.response("POST").status for client in clients] == [502] * MOST
        wait_empty(sluice)


def test_tunnels_count_until_they_end(held, app):
    with contextlib.ExitStack() as stack:
        for end in ("half_close", "reset", "close"):
            with held.connect() as visitor:
                shake_hands(visitor)
                exchange(visitor, b"hello")
                assert left(held.get(), "flight") == MOST - 2
                getattr(visitor, end)()
                wait_empty(held)
        tunnels = [stack.enter_context(held.connect()) for _ in range(MOST)]
        for tunnel in tunnels:
            shake_hands(tunnel)
        # The configuration that they began with goes, and they are counted all the same.
        for _ in range(3):
            assert held.hang_up(limited(app, limits=FLIGHT, listeners=LISTENERS)) == "applied"
        assert_full(held)
        exchange(tunnels[0], b"still there")
    wait_empty(held)


def test_streams_are_reset(held, app):
    with Http2Client(held["h2c"]) as visitor:
        streams = [visitor.open(head("GET", "/slow")) for _ in range(MOST)]
        app.wait_visits(MOST, "/slow")
        assert_full(held)
        visitor.send(*(rst_stream(stream, Code.CANCEL) for stream in streams))
        wait_empty(held)
        # The answer to the request that saw all places free may be here before its own place is.
        wait_until(lambda: visitor.open(head("GET", "/slow")) and len(app.to("/slow")) == 2 * MOST, "all places to be taken")
        assert visitor.get().status == 429
        visitor.reset()
        wait_empty(held)


def test_reloads_meanwhile(held, app, gate):
    with contextlib.ExitStack() as stack:
        clients = occupy(stack, held, app)
        for _ in range(5):
            assert held.hang_up(limited(app, limits=FLIGHT, listeners=LISTENERS)) == "applied"
            assert_full(held)
        # The limit that let them in is gone before they are.
        assert held.hang_up(limited(app, limits={}, routes=[{"pool": "app"}], listeners=LISTENERS)) == "applied"
        assert held.get().status == 200
        gate.set()
        assert [client.response().status for client in clients] == [200] * MOST
        assert held.hang_up(limited(app, limits=FLIGHT, listeners=LISTENERS)) == "applied"
        wait_empty(held)


def test_what_another_policy_refuses_is_over(start, app):
    sluice = start(limited(app, limits=FLIGHT, max={"body": "10B"}))
    for _ in range(MOST + 2):
        with sluice.connect() as client:
            client.try_send(b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1000\r\n\r\n")
            assert client.response("POST").status == 413
    wait_empty(sluice)


def test_nobody_is_lost_in_a_crowd(held, app):
    """Clients that ask, wait or not, and go, on both workers: at the end all places are free."""
    statuses = []

    def visit(number):
        for turn in range(40):
            with held.connect() as client:
                client.send(b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
                if (number + turn) % 3:
                    statuses.append(client.response().status)
                elif turn % 2:
                    client.reset()

    threads = [threading.Thread(target=visit, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 429} and 200 in statuses
    wait_empty(held)
