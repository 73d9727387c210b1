"""WebSockets and other upgrades: a tunnel once the application agrees, and not before."""

import base64
import hashlib
import threading

import pytest

from failing import LISTENERS
from http2 import Http2Client
from sluice import config, pool
from waiting import PATIENCE
from wire import WireError

ASK = (b"GET /chat HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
       b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept(visit, glued=b""):
    key = visit.request.get("Sec-WebSocket-Key").encode()
    proof = base64.b64encode(hashlib.sha1(key + MAGIC).digest())
    visit.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
               b"Sec-WebSocket-Accept: %s\r\n\r\n%s" % (proof, glued))


def echo(visit):
    """Accepts, then sends every byte back until the other side is done."""
    accept(visit)
    wire = visit.connection.wire
    while wire.buffer or wire.fill():
        visit.send(bytes(wire.buffer))
        wire.buffer.clear()
    visit.close()


def shake_hands(visitor):
    visitor.send(ASK)
    answer = visitor.response(interim=True)
    assert answer.status == 101
    assert (answer.tokens("Connection"), answer.get("Upgrade")) == (["upgrade"], "websocket")
    assert answer.get("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def exchange(visitor, data):
    visitor.send(data)
    assert visitor.wire.exactly(len(data), "of the echo") == data


def test_bytes_flow_both_ways(stage):
    stage.app.play("/chat", echo)
    with stage.connect() as visitor:
        shake_hands(visitor)
        request = stage.app.last("/chat").request
        assert (request.tokens("Connection"), request.get("Upgrade")) == (["upgrade"], "websocket")
        for data in (b"\x81\x05hello", bytes(range(256)), b"GET / HTTP/1.1\r\n\r\n", b"\0"):
            exchange(visitor, data)
        visitor.half_close()
        assert visitor.closed_cleanly() == "eof"


def test_a_lot_of_bytes_flow_both_ways(stage):
    stage.app.play("/chat", echo)
    data = hashlib.sha512(b"x").digest() * (1 << 15)  # 2 MiB
    with stage.connect() as visitor:
        shake_hands(visitor)
        sender = threading.Thread(target=visitor.send, args=(data,))
        sender.start()
        assert visitor.wire.exactly(len(data), "of the echo") == data
        sender.join()


def test_bytes_glued_to_the_answer(stage):
    """The application's first frame comes in the same segment as its 101."""
    stage.app.play("/chat", lambda visit: (accept(visit, b"\x81\x02hi"), visit.wait_for_close()))
    with stage.connect() as visitor:
        shake_hands(visitor)
        assert visitor.wire.exactly(4, "of the first frame") == b"\x81\x02hi"


def test_bytes_glued_to_the_request(stage):
    """An eager client: what it sends before the 101 goes through the tunnel, or is refused, but never as a request."""
    stage.app.play("/chat", echo)
    with stage.connect() as visitor:
        visitor.send(ASK + b"GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n")
        answer = visitor.response(interim=True)
        if answer.status == 101:
            assert visitor.wire.exactly(42, "of the echo") == b"GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n"
        else:
            assert answer.status == 400
    stage.curtain_call()
    assert not stage.app.to("/smuggled")


def test_half_closing_passes_through(stage):
    """One side is done, the other still talks."""
    def script(visit):
        accept(visit)
        visit.wait_for_close()
        visit.send(b"one last word")
        visit.close()

    stage.app.play("/chat", script)
    with stage.connect() as visitor:
        shake_hands(visitor)
        visitor.half_close()
        assert visitor.rest() == b"one last word"


@pytest.mark.parametrize("end", ["close", "reset"])
def test_the_application_ends_the_tunnel(stage, end):
    stage.app.play("/chat", lambda visit: (accept(visit), getattr(visit, end)()))
    with stage.connect() as visitor:
        shake_hands(visitor)
        assert visitor.rest() == b""


def test_the_client_ends_the_tunnel(stage):
    ended = threading.Event()
    stage.app.play("/chat", lambda visit: (accept(visit), visit.wait_for_close(), ended.set()))
    with stage.connect() as visitor:
        shake_hands(visitor)
        visitor.reset()
    assert ended.wait(PATIENCE)


@pytest.mark.parametrize("status", [200, 401, 426, 503])
def test_a_refused_upgrade_is_an_ordinary_answer(stage, status):
    stage.app.play("/chat", lambda visit: visit.reply(status, body=b"no"))
    with stage.connect() as visitor:
        visitor.send(ASK)
        answer = visitor.response(interim=True)
        assert (answer.status, answer.body) == (status, b"no")
        assert visitor.get("/next").status == 200


def test_upgrade_in_http_1_0_is_ignored(stage):
    stage.app.play("/chat", lambda visit: visit.reply(body=b"plain"))
    with stage.connect() as visitor:
        visitor.send(ASK.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        assert visitor.response(interim=True).body == b"plain"
    assert not stage.app.last("/chat").request.all("Upgrade")


def test_other_protocols_may_be_upgraded_to(stage):
    def script(visit):
        visit.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chess/2\r\n\r\n")
        visit.send(b"e4")
        visit.wait_for_close()

    stage.app.play("/chess", script)
    with stage.connect() as visitor:
        visitor.send(b"GET /chess HTTP/1.1\r\nHost: app.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: chess/2\r\n\r\n")
        assert visitor.response(interim=True).get("Upgrade") == "chess/2"
        assert visitor.wire.exactly(2, "of the game") == b"e4"


def test_upgrade_with_a_body_is_no_way_around_the_guard(stage):
    """Upgrade and Content-Length together: answered as an ordinary request; the body is no request."""
    stage.app.play("/chat", lambda visit: (visit.body(), visit.reply(body=b"plain")))
    body = b"GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n"
    with stage.connect() as visitor:
        visitor.send(ASK.replace(b"GET", b"POST", 1).replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % len(body)) + body)
        assert visitor.response(interim=True).status == 200
    stage.curtain_call()
    assert not stage.app.to("/smuggled")


def test_a_tunnel_survives_a_reload(start, app):
    app.play("/chat", echo)
    sluice = start(config(app))
    with sluice.connect() as visitor:
        shake_hands(visitor)
        exchange(visitor, b"before")
        for number in range(3):
            changed = config(app, timeouts={"idle": f"{70 + number}s"})
            assert sluice.hang_up(changed) == "applied"
            exchange(visitor, b"after %d" % number)


def test_a_tunnel_survives_longer_than_the_drain_time_if_its_pool_stays(start, apps, app):
    """Only what was removed is drained. A second tunnel on a removed pool shows that draining happened."""
    other = apps(name="other")
    app.play("/chat", echo)
    other.play("/other", echo)
    pools = {"app": pool(app), "other": pool(other)}
    routes = [{"path": "/other", "pool": "other"}, {"pool": "app"}]
    sluice = start(config(pools=pools, routes=routes, timeouts={"drain": "300ms"}))
    with sluice.connect() as kept, sluice.connect() as removed:
        shake_hands(kept)
        removed.send(ASK.replace(b"/chat", b"/other"))
        assert removed.response(interim=True).status == 101
        exchange(removed, b"hello")
        assert sluice.hang_up(config(app, timeouts={"drain": "300ms"})) == "applied"
        removed.rest()  # until it is cut
        assert removed.wire.ended
        exchange(kept, b"still here")


def test_a_tunnel_is_given_the_drain_time_on_stop(start, app):
    app.play("/chat", echo)
    sluice = start(config(app, timeouts={"drain": "300ms"}))
    with sluice.connect() as visitor:
        shake_hands(visitor)
        sluice.terminate()
        visitor.rest()
        assert sluice.wait_exit() == 0


def test_a_strict_reader_would_notice(stage):
    """Guards the guard: the test reader refuses two framings."""
    stage.app.play("/x", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    with stage.connect() as visitor:
        visitor.get("/x")
        visitor.wire.buffer += b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
        with pytest.raises(WireError):
            visitor.response()


# --- 426 -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("asked,connection", [([], ["upgrade"]), (["Connection: close"], ["upgrade", "close"])])
@pytest.mark.parametrize("upgrade", [["websocket"], ["TLS/1.2, HTTP/1.1"], ["a/1", "b/2"]], ids=str)
def test_upgrade_required_says_to_what(stage, upgrade, asked, connection):
    """RFC 9110 §15.5.22: 426 without Upgrade says nothing. What else concerned the hop stays behind."""
    stage.app.play("/x", lambda visit: visit.reply(426, b"no", [*(f"Upgrade: {u}" for u in upgrade), "Keep-Alive: timeout=5",
                                                                "Connection: Upgrade, X-Hop", "X-Hop: 1"]))
    with stage.connect() as visitor:
        answer = visitor.get("/x", *asked)
        assert (answer.status, answer.all("Upgrade"), answer.body) == (426, upgrade, b"no")
        assert answer.tokens("Connection") == connection
        assert not answer.all("X-Hop") and not answer.all("Keep-Alive")
        if not asked:
            assert visitor.get("/y").status == 200


def test_upgrade_required_of_an_old_client(stage):
    stage.app.play("/x", lambda visit: visit.reply(426, b"no", ["Upgrade: websocket", "Connection: upgrade"]))
    with stage.connect() as visitor:
        visitor.send(b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        answer = visitor.response()
        assert (answer.status, answer.get("Upgrade"), answer.tokens("Connection")) == (426, "websocket", ["upgrade", "keep-alive"])
        visitor.send(b"GET /y HTTP/1.0\r\n\r\n")
        assert visitor.response().status == 200


@pytest.mark.parametrize("status", [200, 400, 505])
def test_upgrade_of_any_other_answer_concerned_the_hop(stage, status):
    stage.app.play("/x", lambda visit: visit.reply(status, b"", ["Upgrade: h2c", "Connection: upgrade"]))
    with stage.connect() as visitor:
        answer = visitor.get("/x")
        assert (answer.status, answer.all("Upgrade"), answer.tokens("Connection")) == (status, [], [])


def test_upgrade_required_over_http_2_has_no_connection_to_upgrade(start, app):
    app.play("/x", lambda visit: visit.reply(426, b"no", ["Upgrade: websocket", "Connection: upgrade"]))
    sluice = start(config(app, listeners=LISTENERS))
    with Http2Client(sluice["h2c"]) as visitor:
        answer = visitor.get("/x")
        assert (answer.status, answer.all("upgrade"), answer.all("connection")) == (426, [], [])
