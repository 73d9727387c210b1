"""`max_connections` and `queue`: no server has more requests than its bound, and who waits is served in turn."""

import threading
import time

import pytest

from failing import (LISTENERS, access_line, answer, ask, die, in_background, metric, pool_state, servers_of, status, wait_idle,
                     wait_queued)
from http2 import Code, Http2Client, head, rst_stream
from sluice import config, pool
from waiting import PATIENCE, wait_until

QUEUE = {"size": 100, "timeout": "60s"}


class Till:
    """Serves one request after the other, each when the test says so; knows how many were there at once."""

    def __init__(self, *servers):
        self.servers, self.order, self.now, self.most = servers, [], {}, {}
        self.lock, self.tickets = threading.Lock(), threading.Semaphore(0)
        for one in servers:
            one.default = self.serve

    def serve(self, visit):
        visit.body()
        name = visit.upstream.name
        with self.lock:
            self.order.append(visit.request.path)
            self.now[name] = self.now.get(name, 0) + 1
            self.most[name] = max(self.most.get(name, 0), self.now[name])
        assert self.tickets.acquire(timeout=PATIENCE)
        with self.lock:
            self.now[name] -= 1
        answer(visit)

    def wait(self, count):
        wait_until(lambda: len(self.order) >= count, f"request {count} at the servers, came: {self.order}")

    def serve_next(self, count=1):
        for _ in range(count):
            self.tickets.release()


@pytest.fixture
def edge(start):
    """edge(server, max_connections=1, queue=QUEUE, …) → sluice."""
    def make(*servers, whole=None, workers=1, **keys):
        return start(configured(*servers, whole=whole, workers=workers, **keys))
    return make


def configured(*servers, whole=None, workers=1, **keys):
    keys = {"max_connections": 1, "queue": QUEUE, **keys}
    keys = {name: value for name, value in keys.items() if value is not None}
    return config(pools={"app": pool(*servers, **keys)}, **{"routes": [{"pool": "app"}], "listeners": LISTENERS, "workers": workers,
                                                            "timeouts": {"drain": "60s"}, **(whole or {})})


@pytest.fixture
def till(apps, gate):
    """till(2) starts servers "0" and "1" behind one Till."""
    made = []

    def make(count=1):
        made.append(Till(*(apps(name=str(number)) for number in range(count))))
        return made[-1]

    yield make
    for one in made:
        one.serve_next(1000)


def send(sluice, path, host="app.test"):
    visitor = sluice.connect()
    visitor.send(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return visitor


def test_who_closes_its_half_leaves_the_queue(edge, till):
    """By FIN; who only waits goes on waiting, and is served next."""
    at = till()
    sluice = edge(*at.servers)
    served = send(sluice, "/first")
    at.wait(1)
    leaves, stays = send(sluice, "/leaves"), None
    wait_queued(sluice, 1)
    stays = send(sluice, "/stays")
    wait_queued(sluice, 2)
    leaves.half_close()
    wait_queued(sluice, 1)
    assert leaves.response().status == 503
    at.serve_next(2)
    assert [served.response().status, stays.response().status] == [200, 200]
    assert at.order == ["/first", "/stays"]



def line_up(sluice, till, *paths, host="app.test", waiting=0):
    """The first request is at the server, the others wait behind `waiting`, in this order."""
    visitors = []
    for number, path in enumerate(paths):
        visitors.append(send(sluice, path, host))
        till.wait(1)
        wait_queued(sluice, waiting + number)
    return visitors


def line_up_streams(visitor, sluice, desk, count):
    """Asks for /0, /1, … on one connection: the first is served, the others wait in that order."""
    streams = []
    for number in range(count):
        streams.append(visitor.open(head("GET", f"/{number}")))
        desk.wait(1)
        wait_queued(sluice, number)
    return streams


def finish(visitors):
    for visitor in visitors:
        assert visitor.response().status == 200
        visitor.close()


def is_full(found):
    assert found.status == 503, found
    assert "connection_limit_reached" in found.get("Proxy-Status") and int(found.get("Retry-After")) > 0
    return True


# --- the bound ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("workers", [1, 2])
def test_without_a_queue_the_next_one_is_refused_at_once(edge, till, workers):
    """Bounds hold over all workers together, and no worker leaves a place unused."""
    desk = till(2)
    sluice = edge(*desk.servers, max_connections=3, queue=None, workers=workers)
    visitors = []
    for number in range(6):
        visitors.append(send(sluice, f"/{number}"))
        desk.wait(number + 1)
    assert all(is_full(ask(sluice)) for _ in range(8))
    assert desk.most == {"0": 3, "1": 3}
    desk.serve_next(1)
    wait_until(lambda: sum(desk.now.values()) == 5, "a place")
    wait_until(lambda: sum(s["active"] for s in servers_of(sluice).values()) == 5, "Sluice to know")
    visitors.append(send(sluice, "/again"))
    desk.wait(7)
    desk.serve_next(9)
    finish(visitors)
    wait_idle(sluice)


@pytest.mark.parametrize("workers", [1, 2])
def test_never_more_than_the_bound(edge, till, workers):
    """Forty clients at once: each is served, and at no moment has a server more than three."""
    desk = till(2)
    sluice = edge(*desk.servers, max_connections=3, workers=workers)
    join = in_background(lambda number: ask(sluice, path=f"/{number}").status, 40)
    for served in range(0, 40):
        desk.wait(min(served + 6, 40))
        desk.serve_next()
    assert join() == [200] * 40 and sorted(desk.order, key=lambda p: int(p[1:])) == [f"/{n}" for n in range(40)]
    assert desk.most == {"0": 3, "1": 3}


@pytest.mark.parametrize("policy", ["least_connections", "round_robin", "random_two", "least_time", {"hash": "client_ip"}])
def test_servers_may_have_bounds_of_their_own(edge, till, policy):
    """And every policy keeps them."""
    desk = till(3)
    zero, one, two = desk.servers
    sluice = edge({"address": zero.address, "max_connections": 1}, one, {"address": two.address, "max_connections": 2},
                  max_connections=4, queue=None, balance=policy)
    visitors = []
    for number in range(7):
        visitors.append(send(sluice, f"/{number}"))
        desk.wait(number + 1)
    assert is_full(ask(sluice)) and desk.most == {"0": 1, "1": 4, "2": 2}
    desk.serve_next(7)
    finish(visitors)


def test_zero_is_no_bound(edge, till):
    desk = till(1)
    sluice = edge({"address": desk.servers[0].address, "max_connections": 0}, max_connections=1, queue=None)
    visitors = [send(sluice, f"/{number}") for number in range(20)]
    desk.wait(20)
    desk.serve_next(20)
    finish(visitors)


def test_a_kept_connection_takes_no_place(edge, apps):
    """Idle ones do not count; nor are there ever two."""
    server = apps()
    sluice = edge(server, queue=None, workers=2)
    with sluice.connect() as one, sluice.connect() as two:
        for _ in range(10):
            for visitor in (one, two):
                assert visitor.get().status == 200
                wait_idle(sluice)


def test_h2_servers_have_bounds_on_requests(edge, h2apps, gate):
    server = h2apps()
    server.play("/hold", lambda v: (gate.wait(PATIENCE), answer(v)))
    sluice = edge(server, max_connections=2, queue=None, protocol="h2")
    visitors = [send(sluice, "/hold") for _ in range(2)]
    server.wait_visits(2)
    assert is_full(ask(sluice))
    gate.set()
    finish(visitors)


def test_a_response_that_goes_on_holds_its_place(edge, apps, gate):
    server = apps(lambda v: (v.body(), v.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n1"), gate.wait(PATIENCE), v.send(b"2")))
    sluice = edge(server, queue=None)
    with sluice.connect() as visitor:
        visitor.send(b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
        server.wait_visits(1)
        assert is_full(ask(sluice))
        gate.set()
        assert visitor.response().body == b"12"
    wait_idle(sluice)
    assert ask(sluice).status == 200


def tunnel(visit):
    visit.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    visit.wait_for_close()


def test_a_tunnel_holds_its_place_until_it_ends(edge, apps):
    server = apps()
    server.play("/ws", tunnel)
    sluice = edge(server)
    with sluice.connect() as visitor:
        upgraded = visitor.request("GET", "/ws", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
        assert upgraded.status == 101
        waiting = send(sluice, "/next")
        wait_queued(sluice, 1)
        assert not server.to("/next") and servers_of(sluice)[server.address]["active"] == 1
    finish([waiting])
    wait_idle(sluice)


@pytest.mark.parametrize("fail,told", [(die, 502), (status(503), 503), (lambda v: v.send(b"nonsense\r\n\r\n"), 502)])
def test_a_failure_gives_its_place_to_who_waits(edge, apps, gate, fail, told):
    server = apps()
    server.play("/fail", lambda v: (gate.wait(PATIENCE), fail(v), v.connection.close()))
    sluice = edge(server, retry="off")
    failing = send(sluice, "/fail")
    server.wait_visits(1)
    waiting = send(sluice, "/next")
    wait_queued(sluice, 1)
    gate.set()
    finish([waiting])
    assert failing.response().status == told
    failing.close()


# --- waiting -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("workers", [1, 2])
def test_who_waits_is_served_in_order(edge, till, workers, tmp_path):
    desk = till()
    sluice = edge(*desk.servers, workers=workers, whole={"log": {"access": str(tmp_path / "access")}})
    paths = [f"/{number}" for number in range(8)]
    began = time.monotonic()
    visitors = line_up(sluice, desk, *paths)
    assert metric(sluice, "sluice_queue_depth", pool="app") == 7
    for served in range(8):
        desk.wait(served + 1)
        assert desk.order == paths[:served + 1]
        if served == 1:  # the last one in line has to wait for longer than this one did
            enough = 2 * time.monotonic() - began + 0.05
            wait_until(lambda: time.monotonic() > enough, "time to pass")
        desk.serve_next()
    finish(visitors)
    assert metric(sluice, "sluice_queue_depth", pool="app") == 0
    assert access_line(tmp_path / "access", "/1").get("queue_ms", 0) > 0
    assert not access_line(tmp_path / "access", "/0").get("queue_ms")
    assert access_line(tmp_path / "access", "/7")["queue_ms"] >= access_line(tmp_path / "access", "/1")["queue_ms"]


def test_tenants_are_served_in_turns(edge, till):
    """A sends twenty; the one of B is served second, the ones of C second and fourth in what is left."""
    desk = till()
    tenants = {"from_host": "{tenant}.app.test", "defaults": {"pool": "app"}, "items": {name: {} for name in "abc"}}
    sluice = edge(*desk.servers, whole={"tenants": tenants, "routes": []})
    visitors = line_up(sluice, desk, *(f"/a{n}" for n in range(21)), host="a.app.test")
    for number, (tenant, path) in enumerate((("b", "/b0"), ("c", "/c0"), ("c", "/c1"))):
        visitors.append(send(sluice, path, f"{tenant}.app.test"))
        wait_queued(sluice, 21 + number)
    desk.serve_next(24)
    finish(visitors)
    assert desk.order[:7] == ["/a0", "/a1", "/b0", "/c0", "/a2", "/c1", "/a3"]
    assert desk.order[7:] == [f"/a{n}" for n in range(4, 21)]


def test_a_full_queue_refuses_at_once(edge, till):
    desk = till()
    sluice = edge(*desk.servers, queue={"size": 2, "timeout": "60s"})
    visitors = line_up(sluice, desk, "/0", "/1", "/2")
    assert is_full(ask(sluice)) and pool_state(sluice)["queued"] == 2
    desk.serve_next(3)
    finish(visitors)
    assert desk.order == ["/0", "/1", "/2"]


def test_who_has_waited_too_long_is_refused(edge, till, tmp_path):
    desk = till()
    sluice = edge(*desk.servers, queue={"size": 9, "timeout": "150ms"}, whole={"log": {"access": str(tmp_path / "access")}})
    first = send(sluice, "/0")
    desk.wait(1)
    assert is_full(ask(sluice, path="/late")) and pool_state(sluice)["queued"] == 0
    desk.serve_next(2)
    finish([first])
    wait_idle(sluice)
    assert ask(sluice).status == 200 and desk.order == ["/0", "/"]
    line = access_line(tmp_path / "access", "/late")
    assert line["queue_ms"] >= 150 and line["status"] == 503 and line["error"] == "connection_limit_reached"


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
@pytest.mark.parametrize("which", [1, 2, 3])
def test_who_leaves_frees_the_place(edge, till, http2, which):
    """First, in the middle, or last of those that wait: its request never reaches a server."""
    desk = till()
    sluice = edge(*desk.servers)
    if http2:
        with Http2Client(sluice["h2c"]) as visitor:
            streams = line_up_streams(visitor, sluice, desk, 4)
            visitor.send(rst_stream(streams[which], Code.CANCEL))
            wait_queued(sluice, 2)
            desk.serve_next(3)
            assert [visitor.answer(s).status for s in streams if s != streams[which]] == [200] * 3
    else:
        visitors = line_up(sluice, desk, "/0", "/1", "/2", "/3")
        visitors.pop(which).reset()
        wait_queued(sluice, 2)
        desk.serve_next(3)
        finish(visitors)
    assert desk.order == [f"/{n}" for n in range(4) if n != which]
    wait_idle(sluice)


def test_the_streams_of_one_client_wait_in_order(edge, till):
    desk = till()
    sluice = edge(*desk.servers)
    with Http2Client(sluice["h2c"]) as visitor:
        streams = line_up_streams(visitor, sluice, desk, 5)
        desk.serve_next(5)
        assert [visitor.answer(stream).status for stream in streams] == [200] * 5
    assert desk.order == [f"/{n}" for n in range(5)] and desk.most == {"0": 1}


def test_a_body_waits_with_its_request(edge, till):
    desk = till()
    sluice = edge(*desk.servers)
    visitors = line_up(sluice, desk, "/0")
    body = bytes(range(256)) * 4000
    join = in_background(lambda _: ask(sluice, "POST", "/post", body=body).status)
    wait_queued(sluice, 1)
    desk.serve_next(2)
    finish(visitors)
    assert join() == [200] and desk.servers[0].last("/post").request.body == body


def test_a_grpc_deadline_while_waiting(edge, till):
    """The client's time is over before there is room: it is told so, and no server is asked."""
    desk = till()
    sluice = edge(*desk.servers)
    visitors = line_up(sluice, desk, "/0")
    with Http2Client(sluice["h2c"]) as visitor:
        call = ["content-type: application/grpc", "te: trailers", "grpc-timeout: 200m"]
        found = visitor.request("POST", "/app.Test/X", *call, body=bytes(5))
    assert (found.status, found.get("grpc-status")) == (200, "4")
    wait_queued(sluice, 0)
    desk.serve_next()
    finish(visitors)
    assert desk.order == ["/0"]


# --- while other things change -----------------------------------------------------------------------------------

@pytest.mark.parametrize("change", ["nothing", "a bound", "a server", "a policy"])
def test_who_waits_survives_a_reload(edge, till, change):
    desk = till(2)
    first, second = desk.servers
    sluice = edge(first)
    visitors = line_up(sluice, desk, "/0", "/1", "/2", "/3")
    changed = {"nothing": ([first], {}), "a bound": ([first], {"max_connections": 3}), "a server": ([first, second], {}),
               "a policy": ([first], {"balance": "round_robin"})}[change]
    assert sluice.reload(configured(*changed[0], **changed[1])).returncode == 0
    desk.serve_next(4)
    finish(visitors)
    wait_idle(sluice)
    assert sorted(desk.order) == ["/0", "/1", "/2", "/3"]


@pytest.mark.parametrize("change", ["a bound", "a server"])
def test_room_that_a_reload_brings_is_used(edge, till, change):
    """A new request does not wait behind those of the old configuration when there is a place for it."""
    desk = till(2)
    first, second = desk.servers
    sluice = edge(first)
    visitors = line_up(sluice, desk, "/0", "/1")
    servers, keys = ([first], {"max_connections": 3}) if change == "a bound" else ([first, second], {})
    assert sluice.reload(configured(*servers, **keys)).returncode == 0
    visitors.append(send(sluice, "/new"))
    wait_until(lambda: "/new" in desk.order, "the new request at a server", patience=5)
    desk.serve_next(3)
    finish(visitors)


def test_a_server_that_comes_back_takes_who_waits(edge, till):
    """Nobody gives a place back then: the queue looks by itself."""
    desk = till(2)
    first, second = desk.servers
    sluice = edge(*desk.servers)
    assert sluice.admin(f"/api/pools/app/servers/{second.address}/maintenance", "POST").status == 200
    visitors = line_up(sluice, desk, "/0", "/1")
    assert [len(s.visits) for s in desk.servers] == [1, 0]
    assert sluice.admin(f"/api/pools/app/servers/{second.address}/ready", "POST").status == 200
    desk.wait(2)
    assert [len(s.visits) for s in desk.servers] == [1, 1] and first.name == "0"
    desk.serve_next(2)
    finish(visitors)


def test_a_server_that_is_let_in_again_takes_who_waits(edge, till):
    """The same after an ejection."""
    desk = till(2)
    first, second = desk.servers
    serve, second.default = second.default, lambda v: (v.body(), status(503)(v))
    sluice = edge(*desk.servers, balance="round_robin", retry="off",
                  outlier={"consecutive_errors": 1, "ejection": "700ms", "max_ejected": 50})
    desk.serve_next(4)
    wait_until(lambda: ask(sluice).status == 503, "a failure")
    while desk.tickets.acquire(blocking=False):
        pass
    second.default = serve
    before = len(desk.order)
    visitors = [send(sluice, "/0"), send(sluice, "/1")]
    desk.wait(before + 2)
    assert len(second.visits) == 2, "the failure, and one of the two"
    desk.serve_next(2)
    finish(visitors)


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
def test_stopping_serves_who_waits(edge, till, http2):
    """They are requests under way: TERM lets them finish."""
    desk = till()
    sluice = edge(*desk.servers)
    if not http2:
        visitors = line_up(sluice, desk, "/0", "/1", "/2")
        sluice.terminate()
        sluice.wait_log("drain|stopp|shutting|terminat|TERM")
        desk.serve_next(3)
        finish(visitors)
    else:
        with Http2Client(sluice["h2c"]) as visitor:
            streams = [visitor.open(head("GET", f"/{number}")) for number in range(3)]
            wait_queued(sluice, 2)
            desk.wait(1)
            sluice.terminate()
            sluice.wait_log("drain|stopp|shutting|terminat|TERM")
            desk.serve_next(3)
            assert [visitor.answer(stream).status for stream in streams] == [200] * 3
    assert sluice.wait_exit() == 0


def test_stopping_cuts_who_waits_after_the_drain_time(edge, till):
    """Nobody holds up the end for ever."""
    desk = till()
    sluice = edge(*desk.servers, whole={"timeouts": {"drain": "300ms"}})
    visitors = line_up(sluice, desk, "/0", "/1")
    sluice.terminate()
    assert sluice.wait_exit() == 0
    for visitor in visitors:
        visitor.close()


# --- with the rest -----------------------------------------------------------------------------------------------

def test_a_retry_does_not_wait_in_the_queue(edge, apps, gate):
    """The failed try's place is given back; when every other server is full, the client gets what there is."""
    bad, good = apps(lambda v: (v.body(), status(503)(v)), name="bad"), apps(name="good")
    good.default = lambda v: (v.body(), gate.wait(PATIENCE), answer(v))
    sluice = edge(bad, good, retry={"attempts": 2, "on": [503]}, balance="round_robin")
    busy = send(sluice, "/busy")  # at the good one, at once or after the other
    wait_until(lambda: good.visits, "the request")
    found = ask(sluice, path="/retried")
    assert (found.status, found.body) == (503, b"503 of bad")
    gate.set()
    finish([busy])
    wait_idle(sluice)


def test_backups_come_before_waiting(edge, till):
    desk = till(2)
    sluice = edge(desk.servers[0], {"address": desk.servers[1].address, "backup": True})
    visitors = [send(sluice, "/0")]
    desk.wait(1)
    visitors.append(send(sluice, "/1"))
    desk.wait(2)
    assert [len(s.visits) for s in desk.servers] == [1, 1]
    visitors.append(send(sluice, "/2"))
    wait_queued(sluice, 1)
    desk.serve_next(3)
    finish(visitors)
