"""The life of connections on both sides: reuse, order, versions, half-closing, time limits."""

import threading

import pytest

from client import RawClient
from sluice import config, pool
from waiting import PATIENCE

ONE = {"workers": 1}  # the pool of upstream connections is per worker


def test_both_sides_stay_open(start, app):
    sluice = start(config(app, **ONE))
    with sluice.connect() as visitor:
        for number in range(30):
            assert visitor.get(f"/{number}").status == 200
    assert len(app.connections) == 1


def test_upstream_connection_is_shared_by_clients_in_turn(start, app):
    sluice = start(config(app, **ONE))
    for number in range(10):
        assert sluice.get(f"/{number}").status == 200
    assert len(app.connections) == 1


def test_no_more_upstream_connections_than_requests_at_once(start, app):
    sluice = start(config(app, **ONE))
    for _ in range(3):
        visitors = [sluice.connect() for _ in range(8)]
        for one in visitors:
            one.send(b"GET /x HTTP/1.1\r\nHost: app.test\r\n\r\n")
        for one in visitors:
            assert one.response().status == 200
            one.close()
    assert len(app.connections) <= 8


def test_idle_upstream_connections_expire(start, app):
    sluice = start(config(app, timeouts={"upstream_idle": "200ms"}, **ONE))
    assert sluice.get().status == 200
    app.wait_all_closed()
    assert sluice.get().status == 200
    assert len(app.connections) == 2


def test_application_closes_after_its_answer(start, app):
    app.play("/bye", lambda visit: (visit.reply(body=b"bye", fields=["Connection: close"]), visit.close()))
    sluice = start(config(app, **ONE))
    with sluice.connect() as visitor:
        for _ in range(3):
            answer = visitor.get("/bye")
            assert answer.body == b"bye" and answer.keeps_alive, "the application's close is not the client's"
    assert len(app.connections) == 3


def test_http_1_0_application_is_not_reused(start, app):
    app.play("/old", lambda visit: (visit.send(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"), visit.wait_for_close()))
    sluice = start(config(app, **ONE))
    with sluice.connect() as visitor:
        for _ in range(3):
            answer = visitor.get("/old")
            assert (answer.version, answer.body) == ("1.1", b"ok")
    assert len(app.connections) == 3


def test_client_asks_to_close(stage):
    with stage.connect() as visitor:
        answer = visitor.get("/x", "Connection: close")
        assert answer.status == 200 and not answer.keeps_alive
        assert visitor.closed_cleanly() == "eof"


@pytest.mark.parametrize("connection", ["Keep-Alive", "keep-alive", "foo, keep-alive"])
def test_http_1_0_keep_alive(stage, connection):
    """Offered keep-alive may be granted, and then said so; not granted means closed."""
    with stage.connect() as visitor:
        visitor.send(b"GET /x HTTP/1.0\r\nHost: app.test\r\nConnection: %s\r\n\r\n" % connection.encode())
        answer = visitor.response()
        assert answer.body == b"hello from app"
        if "keep-alive" in answer.tokens("Connection"):
            visitor.send(b"GET /x HTTP/1.0\r\nHost: app.test\r\n\r\n")
            assert visitor.response().body == b"hello from app"
        assert visitor.closed_cleanly() == "eof"


def test_http_1_0_closes_by_itself(stage):
    with stage.connect() as visitor:
        visitor.send(b"GET /x HTTP/1.0\r\n\r\n")
        answer = visitor.response()
        assert answer.status == 200 and "keep-alive" not in answer.tokens("Connection")
        assert visitor.closed_cleanly() == "eof"


def test_pipelined_requests_are_answered_in_order(stage):
    """However long the first takes, and whatever the kinds."""
    gate = threading.Event()
    stage.app.play("/slow", lambda visit: (gate.wait(PATIENCE), visit.reply(body=b"slow")))
    with stage.connect() as visitor:
        visitor.send(b"GET /slow HTTP/1.1\r\nHost: app.test\r\n\r\n"
                     b"POST /a HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\n\r\nhello"
                     b"HEAD /b HTTP/1.1\r\nHost: app.test\r\n\r\n"
                     b"POST /c HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
                     b"GET /../ HTTP/1.1\r\nHost: app.test\r\n\r\n"
                     b"GET /never HTTP/1.1\r\nHost: app.test\r\n\r\n")
        stage.app.wait(lambda: stage.app.to("/slow"), "/slow")
        gate.set()
        assert visitor.response().body == b"slow"
        assert visitor.response().status == 200
        assert visitor.response(to="HEAD").status == 200
        assert visitor.response().status == 200
        assert visitor.response().status == 400
        visitor.closed_cleanly()
    stage.curtain_call()
    assert not stage.app.to("/never")


def test_a_long_pipeline(stage):
    count = 500
    stage.app.play("/n", lambda visit: visit.reply(body=visit.request.target.encode()))
    with stage.connect() as visitor:
        sender = threading.Thread(target=lambda: visitor.send(b"".join(
            b"GET /n?%d HTTP/1.1\r\nHost: app.test\r\n\r\n" % number for number in range(count))))
        sender.start()
        for number in range(count):
            assert visitor.response().body == b"/n?%d" % number
        sender.join()


def test_nothing_follows_a_request_that_closes(stage):
    with stage.connect() as visitor:
        visitor.send(b"GET /first HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n"
                     b"GET /never HTTP/1.1\r\nHost: app.test\r\n\r\n")
        assert visitor.response().status == 200
        visitor.closed_cleanly()
    stage.curtain_call()
    assert not stage.app.to("/never")


@pytest.mark.parametrize("request_bytes", [
    b"GET /half HTTP/1.1\r\nHost: app.test\r\n\r\n",
    b"POST /half HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\n\r\nhello",
    b"GET /half HTTP/1.0\r\n\r\n",
], ids=["get", "post", "1.0"])
def test_a_half_closed_client_gets_its_answer(stage, request_bytes):
    """`printf … | nc`: the client has said all it will say, and waits."""
    half_closed = threading.Event()
    stage.app.play("/half", lambda visit: (visit.body(), half_closed.wait(PATIENCE), visit.reply(body=b"x" * 100_000)))
    with stage.connect() as visitor:
        visitor.send(request_bytes).half_close()
        half_closed.set()
        assert visitor.response().body == b"x" * 100_000
        assert visitor.closed_cleanly() == "eof"


def test_where_a_fin_means_the_end_the_server_is_told(start, app):
    sluice = start(config(app, listeners={"http": {"address": "127.0.0.1:0", "half_closed": "cancel"}}))
    came, cut = threading.Event(), threading.Event()

    def slow(visit):
        came.set()
        visit.wait_for_close()
        cut.set()

    app.play("/slow", slow)
    with sluice.connect() as visitor:
        visitor.send(b"GET /slow HTTP/1.1\r\nHost: app.test\r\n\r\n")
        assert came.wait(PATIENCE)
        visitor.half_close()
        assert cut.wait(PATIENCE), "the connection to the server stayed open"
        assert visitor.closed_cleanly() == "eof"


def test_half_closed_after_a_pipeline(stage):
    with stage.connect() as visitor:
        visitor.send(b"GET /a HTTP/1.1\r\nHost: app.test\r\n\r\nGET /b HTTP/1.1\r\nHost: app.test\r\n\r\n").half_close()
        assert [visitor.response().status, visitor.response().status] == [200, 200]
        assert visitor.closed_cleanly() == "eof"


# --- empty lines before a request (RFC 9112 §2.2) ---------------------------------------------------------------

POST = b"POST /x HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\n\r\nhello"
GET = b"GET /x HTTP/1.1\r\nHost: app.test\r\n\r\n"


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("glued", ["to-the-body", "to-the-next", "to-both", "alone"])
def test_empty_lines_behind_a_body(stage, count, glued):
    """However they come, they belong to nothing."""
    lines = b"\r\n" * count
    with stage.connect() as visitor:
        if glued == "to-both":
            visitor.send(POST + lines + GET)
            assert visitor.response().status == 200
        else:
            visitor.send(POST + (lines if glued == "to-the-body" else b""))
            assert visitor.response().status == 200
            if glued == "alone":
                for byte in lines:
                    visitor.send(bytes([byte]))
                stage.curtain_call()
            visitor.send((lines if glued == "to-the-next" else b"") + GET)
        assert visitor.response().status == 200
        assert visitor.get().status == 200
    assert stage.app.last("/x").request.start_line == "GET /x HTTP/1.1"


def test_each_request_may_have_its_own(stage):
    with stage.connect() as visitor:
        visitor.send((b"\r\n\r\n" + POST) * 20)
        assert [visitor.response().status for _ in range(20)] == [200] * 20


def test_too_many_of_them_are_refused_however_they_come(stage):
    with stage.connect() as visitor:
        assert visitor.get().status == 200
        for _ in range(5):
            visitor.send(b"\r\n")
            stage.curtain_call()
        answer = visitor.response()
        assert (answer.status, answer.keeps_alive) == (400, False)
        visitor.closed_cleanly()


@pytest.mark.parametrize("noise", [b"\n", b"\r\r\n", b"\r\n\n", b"\r\n\rGET", b"\r\n \r\n", b"\0"])
def test_other_noise_behind_a_body_is_refused(stage, noise):
    with stage.connect() as visitor:
        visitor.send(POST + noise)
        assert visitor.response().status == 200
        assert visitor.response().status == 400
        visitor.closed_cleanly()


def test_empty_lines_do_not_hide_the_end(stage):
    """A client that closes behind them has asked for nothing more, and is told nothing more."""
    for noise in (b"\r\n", b"\r\n\r\n", b"\r"):
        with stage.connect() as visitor:
            visitor.send(POST + noise).half_close()
            assert visitor.response().status == 200
            assert visitor.closed_cleanly() == "eof"


@pytest.mark.parametrize("noise", [b"\r\n", b"\r"])
@pytest.mark.parametrize("first", [True, False])
def test_who_sends_empty_lines_alone_is_idle(start, app, noise, first):
    """They neither begin a request, whose time would run out with 408, nor keep the connection open."""
    limits = {"header": "300ms", "idle": "60s"} if first else {"header": "60s", "idle": "300ms"}
    sluice = start(config(app, timeouts=limits))
    with sluice.connect() as visitor:
        if not first:
            assert visitor.get().status == 200
        visitor.send(noise)
        assert visitor.closed_cleanly() == "eof"


def test_an_empty_line_does_not_keep_a_connection_from_draining(start, app):
    sluice = start(config(app))
    with sluice.connect() as visitor:
        assert visitor.get().status == 200
        visitor.send(b"\r\n")
        sluice.terminate()
        assert visitor.closed_cleanly() == "eof"
    assert sluice.wait_exit() == 0


# --- time limits. The tests wait for the effect, never for the time -------------------------------------------

def test_a_head_that_never_ends_is_cut(start, app):
    sluice = start(config(app, timeouts={"header": "500ms"}))
    with sluice.connect() as visitor:
        visitor.send(b"GET /x HTTP/1.1\r\nHost: app.test\r\n")
        assert visitor.response().status == 408
        visitor.closed_cleanly()
    assert not app.visits


def test_a_head_that_drips_is_cut_all_the_same(start, app):
    """The limit is for the whole head: a byte now and then does not extend it."""
    sluice = start(config(app, timeouts={"header": "500ms"}))
    with sluice.connect() as visitor:
        visitor.send(b"GET /x HTTP/1.1\r\nHost: app.test\r\n")
        visitor.sock.settimeout(0.1)
        answered = False
        for _ in range(int(PATIENCE * 10)):
            if not visitor.try_send(b"a"):
                break
            try:
                if not visitor.sock.recv(1, 2):  # MSG_PEEK
                    break
                answered = True
                break
            except TimeoutError:
                continue
            except ConnectionResetError:
                break
        else:
            pytest.fail("a client that sends a byte every 100 ms is never cut")
        visitor.sock.settimeout(PATIENCE)
        if answered:
            assert visitor.response().status == 408
    assert not app.visits


def test_silence_after_connecting_is_cut(start, app):
    sluice = start(config(app, timeouts={"header": "500ms", "idle": "500ms"}))
    with sluice.connect() as visitor:
        rest = visitor.rest()
        assert rest == b"" or rest.startswith(b"HTTP/1.1 408 ")


def test_an_idle_connection_is_closed_without_a_word(start, app):
    sluice = start(config(app, timeouts={"idle": "300ms"}))
    with sluice.connect() as visitor:
        assert visitor.get().status == 200
        assert visitor.closed_cleanly() == "eof"


@pytest.mark.parametrize("framing", ["Content-Length: 10", "Transfer-Encoding: chunked"])
def test_a_body_that_stops_coming_is_cut(start, app, framing):
    sluice = start(config(app, timeouts={"body": "500ms"}))
    with sluice.connect() as visitor:
        visitor.send(f"POST /x HTTP/1.1\r\nHost: app.test\r\n{framing}\r\n\r\n".encode())
        assert visitor.response().status == 408
        visitor.closed_cleanly()
    for visit in app.visits:
        app.wait_done(visit)
        assert not visit.request.complete


def test_an_application_that_never_answers(start, app):
    app.play("/never", lambda visit: visit.wait_for_close())
    sluice = start(config(app, timeouts={"first_byte": "300ms"}))
    with sluice.connect() as visitor:
        assert visitor.get("/never").status == 504
    app.wait_done(app.last("/never"))
    assert sluice.get("/next").status == 200


def test_a_slow_upload_is_not_a_slow_application(start, app):
    """first_byte runs from the request's last byte. That its time is over is told by another request's 504."""
    app.play("/up", lambda visit: visit.reply(body=visit.body()))
    app.play("/never", lambda visit: visit.wait_for_close())
    sluice = start(config(app, timeouts={"first_byte": "300ms"}))
    with sluice.connect() as visitor:
        visitor.send(b"POST /up HTTP/1.1\r\nHost: app.test\r\nContent-Length: 10\r\n\r\nhello")
        app.wait_visits(1)
        assert sluice.get("/never").status == 504
        visitor.send(b"world")
        answer = visitor.response()
        assert (answer.status, answer.body) == (200, b"helloworld")


def test_pools_may_have_their_own_patience(start, apps):
    slow, fast = apps(name="slow"), apps(name="fast")
    release = threading.Event()
    slow.play("/x", lambda visit: (release.wait(PATIENCE), visit.reply(body=b"at last")))
    fast.play("/y", lambda visit: visit.wait_for_close())
    sluice = start(config(pools={"slow": pool(slow), "fast": pool(fast, timeouts={"first_byte": "300ms"})},
                          routes=[{"path": "/x", "pool": "slow"}, {"path": "/y", "pool": "fast"}]))
    with sluice.connect() as patient:
        patient.send(b"GET /x HTTP/1.1\r\nHost: app.test\r\n\r\n")
        assert sluice.get("/y").status == 504
        release.set()
        assert patient.response().body == b"at last"


def test_an_application_that_stops_in_its_body(start, app):
    """`body` bounds the gaps of a response too: the client sees the message break off."""
    app.play("/stuck", lambda visit: (visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), visit.wait_for_close()))
    sluice = start(config(app, timeouts={"body": "300ms"}))
    with RawClient(sluice["http"]) as visitor:
        visitor.send(b"GET /stuck HTTP/1.1\r\nHost: app.test\r\n\r\n")
        assert visitor.rest().endswith(b"hello")
    app.wait_done(app.last("/stuck"))
