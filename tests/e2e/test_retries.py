"""`retry`: which failures a client never sees, which requests are never repeated, and how much the servers are spared."""

import time

import pytest

from failing import (FAILURES, LISTENERS, Scene, access_line, answer, ask, die, hang_up, in_background, metric, mute, retries,
                     status, wait_idle)
from http2 import Code, Http2Client, data, head, rst_stream
from ports import closed_port
from sluice import config, pool
from waiting import PATIENCE
from wire import Incomplete

ALL = {"attempts": 3, "on": ["connect", "reset", "timeout", 503], "per_try_timeout": "150ms"}
BODY = bytes(range(256)) * 40
CALL = ["content-type: application/grpc", "te: trailers"]


@pytest.fixture
def edge(start, apps, h2apps):
    """edge(servers=3, retry=…, h2=False, …) → (sluice, servers)."""
    def make(servers=3, retry=ALL, h2=False, log=None, **keys):
        apps_of = h2apps if h2 else apps
        running = [apps_of(name=str(number)) for number in range(servers)] if isinstance(servers, int) else servers
        if retry is not None:
            keys["retry"] = retry
        if h2:
            keys["protocol"] = "h2"
        more = {"log": {"access": str(log)}} if log else {}
        sluice = start(config(pools={"app": pool(*running, **keys)}, routes=[{"pool": "app"}], listeners=LISTENERS, workers=1,
                              **more))
        return sluice, running
    return make


# --- what is repeated --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("h2", [False, True], ids=["to-h1", "to-h2"])
@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
@pytest.mark.parametrize("reason", list(FAILURES))
def test_a_failure_that_no_client_sees(edge, reason, http2, h2, tmp_path):
    """Another server answers; the access log counts the servers asked, the metric says why."""
    sluice, servers = edge(h2=h2, log=tmp_path / "access")
    scene = Scene(servers, "/x", FAILURES[reason])
    found = ask(sluice, "GET", "/x", http2=http2)
    assert found.status == 200 and len(scene.asked) == 2
    assert found.get("x-origin") == scene.asked[1] != scene.asked[0]
    line = access_line(tmp_path / "access", "/x")
    assert (line["attempts"], line["status"]) == (2, 200)
    assert line["server"] == scene.visits[1].upstream.address
    assert retries(sluice, reason) == 1 and metric(sluice, "sluice_upstream_retries_total") == 1
    wait_idle(sluice)


@pytest.mark.parametrize("how", [die, hang_up])
def test_both_ends_of_a_connection_are_resets(edge, how):
    sluice, servers = edge(retry={"on": ["reset"]})
    scene = Scene(servers, "/x", how)
    assert ask(sluice, "GET", "/x").status == 200 and len(scene.asked) == 2


@pytest.mark.parametrize("http2,h2", [(False, False), (True, True)], ids=["h1", "h2"])
@pytest.mark.parametrize("reason", list(FAILURES))
@pytest.mark.parametrize("method,size,tries", [("HEAD", 0, 2), ("OPTIONS", 0, 2), ("DELETE", 0, 2), ("PUT", 0, 2), ("PUT", 9999, 2),
                                               ("DELETE", 9999, 2), ("POST", 0, 1), ("POST", 9999, 1), ("PATCH", 9999, 1)])
def test_only_what_may_be_repeated_is(edge, reason, method, size, tries, http2, h2):
    """PUT with its body byte for byte; POST never, for it may have been carried out."""
    body = BODY[:size]
    sluice, servers = edge(h2=h2, timeouts={"first_byte": "200ms"})
    scene = Scene(servers, "/x", FAILURES[reason])
    fields = [f"content-length: {len(body)}"] if http2 and body else []
    found = ask(sluice, method, "/x", *fields, body=body, http2=http2)
    expected = {"reset": 502, "timeout": 504, "status": 503}[reason] if tries == 1 else 200
    assert (found.status, len(scene.asked), len(set(scene.asked))) == (expected, tries, tries)
    assert [bytes(v.request.body) for v in scene.visits] == [body] * tries
    if reason == "status" and tries == 1:
        assert found.body == b"503 of " + scene.asked[0].encode()


@pytest.mark.parametrize("on,fail,status_seen", [
    (["reset"], status(503), 503), (["timeout", 502], status(503), 503), ([500, 502, 504], status(503), 503),
    (["connect"], die, 502), (["timeout", 503], die, 502), (["reset", 503], mute, 504),
    (["reset", "timeout", 503], lambda v: v.send(b"nonsense\r\n\r\n"), 502),
    (["reset", 503], lambda v: (v.send(b"HTTP/1.1 2"), v.close()), 502),
    (["reset", 503], lambda v: (v.send(b"HTTP/1.1 103 Early Hints\r\n\r\n"), v.close()), 502),
])
def test_only_what_is_written_is_repeated(edge, on, fail, status_seen):
    """The others stand: also a connection that ended after a byte of the response, and one that said nonsense."""
    sluice, servers = edge(retry={"on": on}, timeouts={"first_byte": "200ms"})
    scene = Scene(servers, "/x", fail)
    assert ask(sluice, "GET", "/x").status == status_seen
    assert len(scene.asked) == 1


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_each_status_of_the_list(edge, code):
    sluice, servers = edge(retry={"on": [code]})
    scene = Scene(servers, "/x", status(code))
    assert ask(sluice, "GET", "/x").status == 200 and len(scene.asked) == 2


@pytest.mark.parametrize("fail,status_seen", [(die, 502), (status(503), 503)])
def test_off(edge, fail, status_seen):
    sluice, servers = edge(retry="off")
    scene = Scene(servers, "/x", fail, times=9)
    assert ask(sluice, "GET", "/x").status == status_seen and len(scene.asked) == 1


def test_off_means_that_refused_connections_stand_too(edge, app):
    sluice, _ = edge([closed_port_server(), {"address": app.address, "backup": True}], retry="off")
    found = ask(sluice)
    assert found.status == 502 and "connection_refused" in found.get("Proxy-Status")
    assert not app.visits


# --- which servers, and how many ---------------------------------------------------------------------------------

def closed_port_server():
    return f"127.0.0.1:{closed_port()}"


@pytest.mark.parametrize("fail,told", [(die, 502), (mute, 504), (status(503), 503)])
@pytest.mark.parametrize("servers,attempts,tries", [(5, 2, 2), (5, 3, 3), (3, 10, 3), (1, 10, 1), (2, 1, 1)])
def test_each_try_is_at_another_server(edge, servers, attempts, tries, fail, told):
    """At most `attempts`, at most one at each server."""
    sluice, running = edge(servers, retry={**ALL, "attempts": attempts}, timeouts={"first_byte": "150ms"})
    scene = Scene(running, "/x", fail, times=99)
    assert ask(sluice, "GET", "/x").status == told
    assert (len(scene.asked), len(set(scene.asked))) == (tries, tries)
    wait_idle(sluice)


@pytest.mark.parametrize("servers", [1, 2, 3])
def test_the_503_that_there_is(edge, servers):
    """When nobody else is left, the client gets the last answer as that server gave it."""
    sluice, running = edge(servers)
    scene = Scene(running, "/x", status(503, "x-own: yes", "retry-after: 77"), times=99)
    found = ask(sluice, "GET", "/x")
    assert (found.status, found.body) == (503, f"503 of {scene.asked[-1]}".encode())
    assert (found.get("x-own"), found.get("retry-after"), found.get("Proxy-Status")) == ("yes", "77", None)
    assert len(scene.asked) == servers


def test_a_first_answer_leaves_nothing_in_the_second(edge):
    """Fields and body of the 503 are gone."""
    sluice, servers = edge()
    Scene(servers, "/x", status(503, "x-old: 1", "set-cookie: a=b"), then=lambda v: answer(v, 200, b"new", "x-new: 1"))
    found = ask(sluice, "GET", "/x")
    assert (found.body, found.get("x-old"), found.get("set-cookie"), found.get("x-new")) == (b"new", None, None, "1")


def test_the_body_of_a_503_that_never_ends_is_not_waited_for(edge):
    sluice, servers = edge()
    begun = b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    scene = Scene(servers, "/x", lambda v: (v.send(begun), v.wait_for_close()))
    assert ask(sluice, "GET", "/x").status == 200
    servers[int(scene.asked[0])].wait_done(scene.visits[0])


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
@pytest.mark.parametrize("method,size", [("GET", 0), ("POST", 1 << 20), ("PATCH", 1)])
def test_connect_holds_for_every_request(edge, app, method, size, http2, tmp_path):
    """Nothing was sent, so bodies of any size come whole. With three attempts two servers may refuse."""
    body = bytes(size)
    sluice, _ = edge([closed_port_server(), closed_port_server(), {"address": app.address, "backup": True}],
                     retry={"attempts": 3, "on": ["connect"], "body": "0B"}, log=tmp_path / "access")
    assert ask(sluice, method, "/x", body=body, http2=http2).status == 200
    assert app.last("/x").request.body == body
    assert access_line(tmp_path / "access", "/x")["attempts"] == 3
    assert retries(sluice, "connect") == 2


def test_attempts_bound_refused_connections_too(edge, app):
    sluice, _ = edge([closed_port_server(), closed_port_server(), {"address": app.address, "backup": True}], retry={"attempts": 2})
    assert ask(sluice).status == 502 and not app.visits


# --- time --------------------------------------------------------------------------------------------------------

def more_than_a_try(sluice):
    """Returns when another request has had a whole per_try_timeout: first at one that is mute, then at another."""
    assert ask(sluice, "GET", "/clock").status == 200


def test_the_last_try_has_the_whole_time(edge, gate):
    """per_try_timeout ends only a try after which there is another one."""
    sluice, servers = edge(2, retry={**ALL, "attempts": 2})
    slow = Scene(servers, "/slow", mute, then=lambda v: (gate.wait(PATIENCE), answer(v, 200, b"late")))
    Scene(servers, "/clock", mute)
    wait = in_background(lambda _: ask(sluice, "GET", "/slow"))
    slow.wait(2)
    more_than_a_try(sluice)
    gate.set()
    assert wait()[0].body == b"late"


@pytest.mark.parametrize("method,size,servers,changes", [
    pytest.param("POST", 1, 2, {}, id="post"),
    pytest.param("PUT", 3000, 2, {"body": "2000B"}, id="long-body"),
    pytest.param("GET", 0, 2, {"attempts": 1}, id="one-attempt"),
    pytest.param("GET", 0, 1, {}, id="one-server"),
    pytest.param("GET", 0, 2, {"budget": 0, "budget_min": 0}, id="no-budget"),
])
def test_a_request_that_is_not_tried_again_has_the_whole_time(start, apps, gate, method, size, servers, changes):
    """per_try_timeout holds where another try is left. Requests to a second pool tell the time."""
    running, others = [apps(name=str(n)) for n in range(servers)], [apps(name=f"clock-{n}") for n in range(2)]
    sluice = start(config(pools={"app": pool(*running, retry={**ALL, **changes}), "clock": pool(*others, retry=ALL)},
                          routes=[{"path": "/clock", "pool": "clock"}, {"pool": "app"}]))
    slow = Scene(running, "/slow", lambda v: (gate.wait(PATIENCE), answer(v, 200, b"late")), times=9)
    Scene(others, "/clock", mute)
    wait = in_background(lambda _: ask(sluice, method, "/slow", body=bytes(size)))
    slow.wait(1)
    more_than_a_try(sluice)
    gate.set()
    assert wait()[0].status == 200 and len(slow.asked) == 1


def test_first_byte_is_a_timeout_too(edge):
    sluice, servers = edge(retry={"on": ["timeout"]}, timeouts={"first_byte": "150ms"})
    scene = Scene(servers, "/x", mute)
    assert ask(sluice, "GET", "/x").status == 200 and len(scene.asked) == 2


def test_all_in_time_or_504(edge):
    sluice, servers = edge(timeouts={"first_byte": "300ms"})
    scene = Scene(servers, "/x", mute, times=9)
    found = ask(sluice, "GET", "/x")
    assert found.status == 504 and "http_response_timeout" in found.get("Proxy-Status")
    assert len(scene.asked) == 3


# --- bodies ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("h2", [False, True], ids=["to-h1", "to-h2"])
@pytest.mark.parametrize("reason", list(FAILURES))
@pytest.mark.parametrize("keep,size,tries", [("1000B", 1000, 2), ("1000B", 1001, 1), ("0B", 1, 1), (None, 65536, 2), (None, 65537, 1),
                                             ("1MiB", 1 << 20, 2)])
def test_as_much_of_a_body_as_is_kept(edge, keep, size, tries, reason, h2):
    """`retry.body` bytes and not one more; 64 KiB unless set."""
    body = (BODY * (size // len(BODY) + 1))[:size]
    sluice, servers = edge(retry=ALL if keep is None else {**ALL, "body": keep}, h2=h2, timeouts={"first_byte": "300ms"})
    scene = Scene(servers, "/x", FAILURES[reason])
    assert (ask(sluice, "PUT", "/x", body=body).status == 200) == (tries == 2)
    assert len(scene.asked) == tries
    assert [bytes(v.request.body) == body for v in scene.visits] == [True] * tries


@pytest.mark.parametrize("reason", list(FAILURES))
def test_a_chunked_body_is_sent_again(edge, reason):
    sluice, servers = edge(timeouts={"first_byte": "300ms"})
    scene = Scene(servers, "/x", FAILURES[reason])
    with sluice.connect() as visitor:
        visitor.send(b"PUT /x HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        scene.wait(1)
        visitor.send(b"6\r\n world\r\n0\r\n\r\n")
        assert visitor.response().status == 200
        assert [(v.request.body, v.request.framing) for v in scene.visits] == [(b"hello world", "chunked")] * 2
        assert visitor.get("/next").status == 200  # the connection is at the right place


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("fail", [die, status(503)])
def test_a_body_that_is_still_coming_is_sent_again(edge, fail, chunked):
    """The first server gave up in its middle; the second one gets it whole."""
    sluice, servers = edge()
    scene = Scene(servers, "/x", lambda v: (v.connection.wire.exactly(6, "in a test"), fail(v), v.connection.close()), read=False,
                  then=lambda v: (v.body(), answer(v)))
    with sluice.connect() as visitor:
        framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 12"
        visitor.send(b"PUT /x HTTP/1.1\r\nHost: app.test\r\n" + framing + b"\r\n\r\n" + (b"6\r\nfirst-\r\n" if chunked else b"first-"))
        scene.wait(2)
        visitor.send(b"6\r\nsecond\r\n0\r\n\r\n" if chunked else b"second")
        assert visitor.response().status == 200
        assert scene.visits[1].request.body == b"first-second"
        assert visitor.get("/next").status == 200


def test_a_body_that_is_still_coming_on_http2_is_sent_again(edge):
    sluice, servers = edge(h2=True)
    scene = Scene(servers, "/x", lambda v: (v.body(6), die(v)), read=False, then=lambda v: (v.body(), answer(v)))
    with Http2Client(sluice["h2c"]) as visitor:
        stream = visitor.open(head("PUT", "/x"), end=False)
        visitor.send(data(stream, b"first-"))
        scene.wait(2)
        visitor.send(data(stream, b"second", True))
        assert visitor.answer(stream).status == 200
    assert bytes(scene.visits[1].request.body) == b"first-second"


GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
EXPECT = b"PUT /x HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"


@pytest.mark.parametrize("reason", ["reset", "status"])
def test_a_client_that_waits_for_100(edge, reason):
    """The first server fails on the head alone. The second one lets the client go on, and gets the body."""
    sluice, servers = edge()
    scene = Scene(servers, "/x", lambda v: (FAILURES[reason](v), v.connection.close()), read=False,
                  then=lambda v: (v.send(GO_ON), v.body(), answer(v)))
    with sluice.connect() as visitor:
        visitor.send(EXPECT)
        assert visitor.response("PUT", interim=True).status == 100
        visitor.send(b"hello")
        assert visitor.response("PUT", interim=True).status == 200
        assert visitor.get("/next").status == 200
    assert len(scene.asked) == 2 and scene.visits[1].request.body == b"hello"


def test_a_body_that_was_waited_for_is_sent_again(edge):
    """The first server said 100, read it, and answered 503. The client is asked for it once."""
    sluice, servers = edge()
    scene = Scene(servers, "/x", lambda v: (v.send(GO_ON), v.body(), status(503)(v)), read=False,
                  then=lambda v: (v.send(GO_ON), v.body(), answer(v)))
    with sluice.connect() as visitor:
        visitor.send(EXPECT)
        assert visitor.response("PUT", interim=True).status == 100
        visitor.send(b"hello")
        assert visitor.response("PUT").status == 200
    assert [v.request.body for v in scene.visits] == [b"hello"] * 2


def test_a_body_that_breaks_off_is_no_reason_to_try_again(edge):
    """It is the client's failure: 400, and no other server hears of it."""
    sluice, servers = edge()
    scene = Scene(servers, "/x", die)
    with sluice.connect() as visitor:
        visitor.send(b"PUT /x HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        scene.wait(1)
        visitor.send(b"nonsense\r\n")
        assert visitor.response("PUT").status == 400
    assert len(scene.asked) == 1


# --- never repeated ----------------------------------------------------------------------------------------------

UPGRADE = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]


@pytest.mark.parametrize("fail,status_seen", [(die, 502), (mute, 504), (status(503), 503)])
def test_an_upgrade_is_never_repeated(edge, fail, status_seen):
    sluice, servers = edge(timeouts={"first_byte": "200ms"})
    scene = Scene(servers, "/x", fail)
    assert ask(sluice, "GET", "/x", *UPGRADE).status == status_seen
    assert len(scene.asked) == 1


@pytest.mark.parametrize("how", [die, hang_up])
def test_a_response_that_has_begun_is_never_replaced(edge, how):
    """The client sees that it is cut."""
    sluice, servers = edge()
    scene = Scene(servers, "/x", lambda v: (v.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), how(v)))
    with sluice.connect() as visitor:
        visitor.send(b"GET /x HTTP/1.1\r\nHost: app.test\r\n\r\n")
        with pytest.raises(Incomplete) as caught:
            visitor.response()
    assert caught.value.partial == b"half" and len(scene.asked) == 1


def test_a_response_that_has_begun_on_http2_is_never_replaced(edge, gate):
    sluice, servers = edge(h2=True)
    scene = Scene(servers, "/x", lambda v: (v.head(200), v.data(b"half"), gate.wait(PATIENCE), v.reset()))
    with Http2Client(sluice["h2c"]) as visitor:
        stream = visitor.open(head("GET", "/x"))
        visitor.until(lambda: visitor.answers[stream].body == b"half", "the first half")
        gate.set()
        found = visitor.answer(stream)
        assert not found.ended and found.reset is not None
    assert len(scene.asked) == 1


# --- clients that leave ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
def test_a_client_that_leaves_during_the_second_try(edge, http2):
    """The second server is told, and no third one asked."""
    sluice, servers = edge(retry={"attempts": 3, "on": ["reset", 503]})
    scene = Scene(servers, "/x", die, then=lambda v: v.wait_for_close())
    leave(sluice, http2, lambda: scene.wait(2))
    servers[int(scene.asked[1])].wait_done(scene.visits[1])
    wait_idle(sluice)
    assert ask(sluice).status == 200 and len(scene.asked) == 2


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
def test_a_client_that_leaves_during_the_first_try(edge, http2):
    """That is no failure of the server: nothing is sent to another."""
    sluice, servers = edge(retry={"attempts": 3, "on": ["reset", "timeout", 503]})
    scene = Scene(servers, "/x", mute, times=9)
    leave(sluice, http2, lambda: scene.wait(1))
    servers[int(scene.asked[0])].wait_done(scene.visits[0])
    wait_idle(sluice)
    assert ask(sluice).status == 200 and len(scene.asked) == 1
    assert metric(sluice, "sluice_upstream_retries_total") == 0


def leave(sluice, http2, when):
    if not http2:
        with sluice.connect() as visitor:
            visitor.send(b"GET /x HTTP/1.1\r\nHost: app.test\r\n\r\n")
            when()
            visitor.reset()
        return
    with Http2Client(sluice["h2c"]) as visitor:
        stream = visitor.open(head("GET", "/x"))
        when()
        visitor.send(rst_stream(stream, Code.CANCEL))
        visitor.sync()


@pytest.mark.parametrize("method,first", [("POST", "connect"), ("GET", "reset")])
def test_a_grpc_deadline_in_the_second_try(edge, h2apps, method, first):
    """The client's time is for all tries together."""
    second = h2apps(name="second")
    second.play("/app.Test/X", mute)
    bad = h2apps(name="bad")
    bad.play("/app.Test/X", die)
    one = closed_port_server() if first == "connect" else bad.address
    sluice, _ = edge([one, {"address": second.address, "backup": True}], h2=True, retry={"on": ["connect", "reset", "timeout"]})
    with Http2Client(sluice["h2c"]) as visitor:
        found = visitor.request(method, "/app.Test/X", *CALL, "grpc-timeout: 300m")
    assert (found.status, found.get("grpc-status")) == (200, "4")
    assert second.wait_done(second.last("/app.Test/X")).reset_by == Code.CANCEL
    assert retries(sluice, first) == 1
    wait_idle(sluice)


# --- the budget --------------------------------------------------------------------------------------------------

def test_a_pool_that_fails_as_a_whole_sees_little_more(edge):
    """1.2 times the requests of the clients, with the budget of 20 that there is unless set."""
    sluice, servers = edge(5, retry={"attempts": 3, "on": [503], "budget_min": 0})
    scene = Scene(servers, "/x", status(503), times=9999)
    with sluice.connect() as visitor:
        for _ in range(200):
            assert visitor.get("/x").status == 503
    assert 220 <= len(scene.asked) <= 240
    assert retries(sluice, "status") == len(scene.asked) - 200


@pytest.mark.parametrize("fail,status_seen", [(status(503), 503), (die, 502)])
def test_without_a_budget_nothing_is_repeated(edge, fail, status_seen):
    sluice, servers = edge(5, retry={**ALL, "budget": 0, "budget_min": 0})
    scene = Scene(servers, "/x", fail, times=9999)
    for _ in range(20):
        assert ask(sluice, "GET", "/x").status == status_seen
    assert len(scene.asked) == 20


def test_some_in_a_second_are_always_allowed(edge):
    sluice, servers = edge(5, retry={"attempts": 3, "on": [503], "budget": 0, "budget_min": 4})
    scene = Scene(servers, "/x", status(503), times=9999)
    before = time.monotonic()
    for _ in range(20):
        assert ask(sluice, "GET", "/x").status == 503
    seconds = int(time.monotonic() - before) + 2  # that were begun at most
    assert 4 <= len(scene.asked) - 20 <= 4 * seconds and len(scene.asked) < 60


def test_a_whole_budget_repeats_each(edge):
    """As many retries as requests, none beyond; the first ones' budget_min aside."""
    sluice, servers = edge(5, retry={"attempts": 2, "on": [503], "budget": 100, "budget_min": 0})
    scene = Scene(servers, "/x", status(503), times=9999)
    for _ in range(20):
        assert ask(sluice, "GET", "/x").status == 503
    assert len(scene.asked) == 40


# --- under load --------------------------------------------------------------------------------------------------

def test_nobody_notices_a_server_that_resets_everything(edge):
    sluice, servers = edge(5, retry={"attempts": 3, "on": ["reset"], "budget": 100})
    servers[0].default = lambda v: (v.body(), die(v))
    wrong = []

    def visit(number):
        with sluice.connect() as visitor:
            for turn in range(20):
                found = visitor.request("PUT", f"/{number}/{turn}", body=BODY)
                if found.status != 200:
                    wrong.append(found)

    in_background(visit, 12)()
    assert not wrong and servers[0].visits
    assert all(v.request.body == BODY for s in servers[1:] for v in s.visits)
    assert retries(sluice, "reset") == len(servers[0].visits)
