"""Which server gets a request, and what happens when it cannot take it."""

import socket
import threading
from collections import Counter

import pytest

from ports import closed_port, free_port
from sluice import config, pool
from waiting import PATIENCE, wait_until


def hold(gate):
    return lambda visit: (visit.body(), gate.wait(PATIENCE), visit.reply(body=b"released"))


def arrived(applications, path, count):
    """Waits until `count` requests for `path` have reached any of the servers."""
    wait_until(lambda: sum(len(a.to(path)) for a in applications) >= count, f"request {count} for {path}")


def busy(sluice, applications, count, path="/hold"):
    """Starts `count` requests that stay in flight, each counted by its server before the next starts."""
    visitors = []
    for number in range(count):
        visitor = sluice.connect()
        visitor.send(f"GET {path} HTTP/1.1\r\nHost: app.test\r\n\r\n".encode())
        visitors.append(visitor)
        arrived(applications, path, number + 1)
    return visitors


def finish(visitors):
    for visitor in visitors:
        assert visitor.response().status == 200
        visitor.close()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("count,weights,shares", [
    (10, [1, 1], [5, 5]),
    (12, [1, 1, 1], [4, 4, 4]),
    (8, [3, 1], [6, 2]),
    (12, [1, 2, 3], [2, 4, 6]),
    (11, [10, 1], [10, 1]),
])
def test_least_connections_is_exact(start, apps, gate, workers, count, weights, shares):
    """Requests in flight spread by weight, whichever worker took them."""
    servers = [apps(name=str(number)) for number in range(len(weights))]
    for one in servers:
        one.play("/hold", hold(gate))
    sluice = start(config(*({"address": s.address, "weight": w} for s, w in zip(servers, weights)), workers=workers))
    visitors = busy(sluice, servers, count)
    assert [len(s.to("/hold")) for s in servers] == shares
    gate.set()
    finish(visitors)


def test_a_busy_server_is_avoided(start, apps, gate):
    slow, fast = apps(name="slow"), apps(name="fast")
    for one in (slow, fast):
        one.play("/hold", hold(gate))
    # With one worker a request is over for the pool before the next one comes.
    sluice = start(config(slow, fast, workers=1))
    visitors = busy(sluice, [slow, fast], 1)
    idle = fast if slow.to("/hold") else slow
    for number in range(20):
        assert sluice.get(f"/{number}").get("X-Origin") == idle.name
    gate.set()
    finish(visitors)


def test_a_server_is_free_again_after_every_kind_of_ending(start, apps, gate):
    """Answers, resets, vanished clients, tunnels: none of them leaves a count behind."""
    one, two = apps(name="one"), apps(name="two")
    for app in (one, two):
        app.play("/reset", lambda visit: visit.reset())
        app.play("/nonsense", b"nonsense\r\n\r\n")
        app.play("/never", lambda visit: visit.wait_for_close())
        app.play("/cut", lambda visit: (visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), visit.close()))
        app.play("/hold", hold(gate))
    sluice = start(config(one, two))
    for path in ("/reset", "/nonsense", "/cut"):
        for _ in range(5):
            with sluice.connect() as visitor:
                visitor.send(f"GET {path} HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n".encode())
                visitor.rest()
    for number in range(5):
        with sluice.connect() as visitor:
            visitor.send(b"GET /never HTTP/1.1\r\nHost: app.test\r\n\r\n")
            arrived([one, two], "/never", number + 1)
            visitor.reset()
    for app in (one, two):
        for visit in app.to("/never"):
            app.wait_done(visit)
    visitors = busy(sluice, [one, two], 8)
    assert [len(one.to("/hold")), len(two.to("/hold"))] == [4, 4]
    gate.set()
    finish(visitors)


def test_ties_are_broken_fairly(start, apps):
    """One request at a time, all servers idle: nobody is the favourite."""
    servers = [apps(name=str(number)) for number in range(4)]
    sluice = start(config(*servers))
    counts = Counter(sluice.get().get("X-Origin") for _ in range(80))
    assert len(counts) == 4 and min(counts.values()) >= 4, counts


# --- servers that fail ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("workers", [1, 2])
def test_a_refusing_server_is_skipped(start, app, workers):
    """No visitor notices that one of two servers is down; bodies included, for nothing was sent yet."""
    sluice = start(config(f"127.0.0.1:{closed_port()}", app, workers=workers))
    with sluice.connect() as visitor:
        for _ in range(10):
            assert visitor.get().status == 200
            assert visitor.request("POST", "/post", body=b"hello").status == 200
    assert [v.request.body for v in app.to("/post")] == [b"hello"] * 10


def test_a_refused_chunked_body_is_sent_elsewhere(start, app):
    sluice = start(config(f"127.0.0.1:{closed_port()}", app))
    for _ in range(6):
        with sluice.connect() as visitor:
            visitor.send(b"POST /post HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
            assert visitor.response().status == 200


def test_all_servers_down(start):
    sluice = start(config(f"127.0.0.1:{closed_port()}", f"127.0.0.1:{closed_port()}"))
    with sluice.connect() as visitor:
        for _ in range(5):
            answer = visitor.get()
            assert answer.status == 502 and "connection_refused" in answer.get("Proxy-Status")


def test_a_server_that_comes_back_is_used(start, apps):
    port = free_port()
    sluice = start(config(f"127.0.0.1:{port}"))
    assert sluice.get().status == 502
    apps(port=port)
    assert sluice.get().status == 200


def test_a_missing_unix_socket_is_like_a_refusing_server(start, app, tmp_path):
    sluice = start(config(f"unix:{tmp_path}/nobody.sock", app))
    for _ in range(6):
        assert sluice.get().status == 200


@pytest.mark.parametrize("method,body,tries", [("GET", b"", 2), ("HEAD", b"", 2), ("PUT", b"x", 2), ("POST", b"x", 1)])
def test_a_server_that_takes_a_request_and_dies_by_default(start, apps, method, body, tries):
    """One other server is asked what may be asked again (RFC 9110 §9.2.2); of a POST nobody knows what was done."""
    servers = [apps(name=str(number)) for number in range(3)]
    for one in servers:
        one.play("/die", lambda visit: (visit.body(), visit.reset()))
    sluice = start(config(*servers, workers=1))
    with sluice.connect() as visitor:
        assert visitor.request(method, "/die", body=body).status == 502
    assert sorted(len(s.to("/die")) for s in servers) == [0] * (3 - tries) + [1] * tries


# --- pooled connections that went stale ------------------------------------------------------------------------

def test_a_connection_closed_while_it_rested_is_replaced(start, app):
    """The application closed it after its answer; whatever comes next goes over a new one, POST too."""
    app.play("/leave", lambda visit: (visit.reply(body=b"ok"), visit.close()))
    sluice = start(config(app, workers=1))
    with sluice.connect() as visitor:
        for number in range(10):
            assert visitor.get("/leave").status == 200
            app.wait_done(app.last("/leave"))
            assert visitor.request("POST", f"/post-{number}", body=b"hello").status == 200
            assert len(app.to(f"/post-{number}")) == 1


def dying_once(app, path, how="close"):
    """A script: the first request for `path` that comes over a used connection kills it, unanswered."""
    killed = []

    def script(visit):
        visit.body()
        if not killed and len([v for v in app.visits if v.connection is visit.connection]) > 1:
            killed.append(visit)
            getattr(visit, how)()
        else:
            visit.reply(body=b"ok")

    app.play(path, script)
    return killed


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_connection_that_dies_under_a_safe_request_is_replaced(start, app, method, how):
    """A keep-alive race: the server gave up the connection as the request arrived. Nobody notices."""
    killed = dying_once(app, "/x", how)
    sluice = start(config(app, workers=1))
    with sluice.connect() as visitor:
        assert visitor.get("/warm-up").status == 200
        assert visitor.request(method, "/x").status == 200
    assert killed and len(app.to("/x")) == 2


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("method,body", [("POST", b"hello"), ("PATCH", b"hello"), ("POST", b"")])
def test_a_connection_that_dies_under_a_post_is_an_error(start, app, method, body, how):
    """It may have been carried out: 502 tells the client the truth, a second try might charge twice."""
    killed = dying_once(app, "/x", how)
    sluice = start(config(app, workers=1))
    with sluice.connect() as visitor:
        assert visitor.get("/warm-up").status == 200
        assert visitor.request(method, "/x", body=body).status == 502
        assert killed and len(app.to("/x")) == 1
        assert visitor.get("/after").status == 200


def test_a_restarted_server_costs_nothing(start, apps):
    """All pooled connections die at once, and the server is back on the same port."""
    port = free_port()
    first = apps(port=port)
    sluice = start(config(f"127.0.0.1:{port}", workers=1))
    visitors = [sluice.connect() for _ in range(6)]
    for one in visitors:
        assert one.get().status == 200
    first.stop()
    second = apps(port=port, name="second")
    for one in visitors:
        answer = one.get()
        assert (answer.status, answer.get("X-Origin")) == (200, "second")
        one.close()
    assert second.visits


# --- kinds of addresses ----------------------------------------------------------------------------------------

def test_unix_socket(start, apps, tmp_path):
    app = apps(bind=f"unix:{tmp_path}/app.sock", name="unix")
    sluice = start(config(app, workers=1))
    with sluice.connect() as visitor:
        for _ in range(5):
            assert visitor.get().get("X-Origin") == "unix"
    assert len(app.connections) == 1


def test_ipv6(start, apps):
    app = apps(bind="::1", name="six")
    sluice = start(config(app))
    assert app.address.startswith("[::1]:")
    assert sluice.get().get("X-Origin") == "six"


def test_host_name(start, app):
    """localhost means ::1 and 127.0.0.1; the application listens on one of them only."""
    sluice = start(config(f"localhost:{app.port}"))
    for _ in range(6):
        assert sluice.get().status == 200


def test_all_kinds_in_one_pool(start, apps, tmp_path):
    kinds = [apps(name="four"), apps(bind="::1", name="six"), apps(bind=f"unix:{tmp_path}/app.sock", name="unix")]
    sluice = start(config(*kinds))
    assert {sluice.get().get("X-Origin") for _ in range(60)} == {"four", "six", "unix"}


def test_pools_do_not_mix(start, apps):
    """One address in two pools: connections may be shared, routes may not."""
    a, b = apps(name="a"), apps(name="b")
    sluice = start(config(pools={"a": pool(a), "b": pool(b)}, workers=1,
                          routes=[{"path": "/a/", "pool": "a"}, {"path": "/b/", "pool": "b"}]))
    with sluice.connect() as visitor:
        for number in range(20):
            name = "ab"[number % 2]
            assert visitor.get(f"/{name}/").get("X-Origin") == name


def test_many_requests_at_once_all_arrive(start, apps):
    """The books balance: every request reached exactly one server."""
    servers = [apps(name=str(number)) for number in range(3)]
    sluice = start(config(*servers))

    def visit(number):
        with sluice.connect() as visitor:
            for turn in range(25):
                assert visitor.get(f"/{number}/{turn}").status == 200

    crowd = [threading.Thread(target=visit, args=(number,)) for number in range(16)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    targets = Counter(v.request.target for s in servers for v in s.visits)
    assert len(targets) == 16 * 25 and set(targets.values()) == {1}


def test_a_listening_server_that_never_accepts_does_not_stop_the_rest(start, app):
    """Its backlog takes the connection but nobody answers: 504 for those visitors, the others are served."""
    with socket.create_server(("127.0.0.1", 0)) as dead:
        sluice = start(config(pools={"app": pool(app), "dead": pool(f"127.0.0.1:{dead.getsockname()[1]}",
                                                                    timeouts={"first_byte": "300ms"})},
                              routes=[{"path": "/dead", "pool": "dead"}, {"pool": "app"}]))
        with sluice.connect() as unlucky:
            unlucky.send(b"GET /dead HTTP/1.1\r\nHost: app.test\r\n\r\n")
            assert sluice.get("/fine").status == 200
            assert unlucky.response().status == 504
