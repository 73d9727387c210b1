"""WebSockets over HTTP/2 (RFC 8441): an extended CONNECT becomes an Upgrade, and its 101 a 200."""

import base64
import hashlib
import os
import threading

import pytest

from http2 import Code, Http2Client, Setting, data, head, rst_stream, settings
from sluice import config
from waiting import PATIENCE

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def MAKE_CONFIG(app):
    return config(app, listeners={"http": "127.0.0.1:0", "h2c": {"address": "127.0.0.1:0", "protocols": ["h2c"]}})


def visit(stage, **how):
    return Http2Client(stage.sluice["h2c"], **how)


def ask(path="/chat", *more, protocol="websocket", **pseudo):
    return head("CONNECT", path, "sec-websocket-version: 13", *more, protocol=protocol, **pseudo)


def proof(request):
    return base64.b64encode(hashlib.sha1(request.get("Sec-WebSocket-Key").encode() + MAGIC).digest())


def accept(v, glued=b"", fields=b""):
    v.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           b"Sec-WebSocket-Accept: %s\r\n%s\r\n%s" % (proof(v.request), fields, glued))


def echo(v):
    """Accepts, then sends every byte back until the other side is done."""
    accept(v)
    wire = v.connection.wire
    while wire.buffer or wire.fill():
        v.send(bytes(wire.buffer))
        wire.buffer.clear()
    v.close()


def dig(visitor, fields=None):
    """Opens a tunnel; returns its stream."""
    stream = visitor.open(fields or ask(), end=False)
    assert visitor.status(stream) == 200, f"{visitor.answers[stream]} {visitor.answers[stream].fields}"
    return stream


def exchange(visitor, stream, said):
    before = len(visitor.answers[stream].body)
    visitor.upload(stream, said, end=False)
    visitor.until(lambda: len(visitor.answers[stream].body) >= before + len(said), "the echo")
    assert visitor.answers[stream].body[before:] == said


def test_it_is_announced(stage):
    with visit(stage) as visitor:
        assert visitor.settings.get(Setting.ENABLE_CONNECT_PROTOCOL) == 1


def test_it_is_not_taken_back(stage):
    """RFC 8441 §3: once 1, always 1."""
    with visit(stage) as visitor:
        visitor.send(settings(enable_push=0))
        visitor.unacknowledged.append(())
        visitor.sync()
        assert visitor.settings.get(Setting.ENABLE_CONNECT_PROTOCOL) == 1


def test_the_request_becomes_an_upgrade(stage):
    stage.app.play("/chat", echo)
    with visit(stage) as visitor:
        dig(visitor, ask("/chat?room=1", "origin: http://app.test", "sec-websocket-protocol: chat", "cookie: a=1", "cookie: b=2"))
    request = stage.app.last("/chat").request
    assert request.start_line == "GET /chat?room=1 HTTP/1.1"
    assert request.get("Host") == "app.test"
    assert (request.tokens("Connection"), request.get("Upgrade")) == (["upgrade"], "websocket")
    assert request.get("Sec-WebSocket-Version") == "13"
    assert len(base64.b64decode(request.get("Sec-WebSocket-Key"), validate=True)) == 16
    assert (request.get("Origin"), request.get("Sec-WebSocket-Protocol"), request.get("Cookie")) == (
        "http://app.test", "chat", "a=1; b=2")
    assert not request.all("Content-Length") and not request.all("Transfer-Encoding")
    assert request.get("X-Forwarded-For") == "127.0.0.1"


def test_keys_are_made_up_anew(stage):
    stage.app.play("/chat", echo)
    with visit(stage) as visitor:
        for _ in range(3):
            dig(visitor)
    assert len({v.request.get("Sec-WebSocket-Key") for v in stage.app.to("/chat")[-3:]}) == 3


def test_a_key_of_the_client_is_not_used_twice(stage):
    """RFC 8441 §5: the key has no meaning here; one that comes all the same must not disturb."""
    stage.app.play("/chat", echo)
    with visit(stage) as visitor:
        stream = visitor.open(ask("/chat", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="), end=False)
        if visitor.status(stream) == 200:
            exchange(visitor, stream, b"hello")
            assert len(stage.app.last("/chat").request.all("Sec-WebSocket-Key")) == 1
        else:
            assert visitor.answers[stream].status == 400 or visitor.answers[stream].reset == Code.PROTOCOL_ERROR


def test_the_answer_is_a_plain_200(stage):
    stage.app.play("/chat", lambda v: (accept(v, fields=b"Sec-WebSocket-Protocol: chat\r\nSet-Cookie: a=1\r\n"), v.wait_for_close()))
    with visit(stage) as visitor:
        stream = dig(visitor)
        answer = visitor.answers[stream]
        assert not answer.interim and not answer.all("content-length")
        assert answer.get("sec-websocket-protocol") == "chat"
        assert answer.get("set-cookie") == "a=1"
        assert not answer.all("sec-websocket-accept")


def test_bytes_flow_both_ways(stage):
    stage.app.play("/chat", echo)
    with visit(stage) as visitor:
        stream = dig(visitor)
        for said in (b"\x81\x05hello", bytes(range(256)), b"GET / HTTP/1.1\r\n\r\n", b"0\r\n\r\n", b"\0"):
            exchange(visitor, stream, said)
        visitor.send(data(stream, b"", True))
        assert visitor.answer(stream).ended


def test_a_lot_of_bytes_flow_both_ways(stage):
    stage.app.play("/chat", echo)
    said = os.urandom(1 << 20)
    with visit(stage) as visitor:
        stream = dig(visitor)
        exchange(visitor, stream, said)


def test_bytes_glued_to_the_answer(stage):
    stage.app.play("/chat", lambda v: (accept(v, b"\x81\x02hi"), v.wait_for_close()))
    with visit(stage) as visitor:
        stream = dig(visitor)
        visitor.until(lambda: visitor.answers[stream].body == b"\x81\x02hi", "the first frame")


def test_bytes_glued_to_the_request(stage):
    """What comes before the 200 waits for it; it is never taken for a request."""
    stage.app.play("/chat", echo)
    with visit(stage) as visitor:
        stream = visitor.open(ask(), end=False)
        visitor.send(data(stream, b"GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n"))
        visitor.until(lambda: len(visitor.answers[stream].body) == 42 or visitor.answers[stream].over, "the echo")
        if not visitor.answers[stream].over:
            assert visitor.answers[stream].body == b"GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n"
    stage.curtain_call()
    assert not stage.app.to("/smuggled")


def test_tunnels_and_requests_side_by_side(stage):
    stage.app.play("/chat", echo)
    with visit(stage) as visitor:
        streams = [dig(visitor) for _ in range(5)]
        for round_ in range(3):
            for stream in streams:
                exchange(visitor, stream, b"%d in round %d" % (stream, round_))
            assert visitor.get("/plain").status == 200


def test_the_application_ends_the_tunnel(stage):
    stage.app.play("/chat", lambda v: (accept(v, b"bye"), v.close()))
    with visit(stage) as visitor:
        stream = visitor.open(ask(), end=False)
        answer = visitor.answer(stream)
        assert (answer.status, answer.body) == (200, b"bye")
        assert visitor.get("/next").status == 200


def test_the_application_breaks_the_tunnel(stage):
    """RFC 8441 §5: a TCP reset is a stream reset."""
    reached = threading.Event()
    stage.app.play("/chat", lambda v: (accept(v), reached.wait(PATIENCE), v.reset()))
    with visit(stage) as visitor:
        stream = dig(visitor)
        reached.set()
        answer = visitor.answer(stream)
        assert answer.reset not in (None, Code.NO_ERROR) and not answer.ended, answer
        assert visitor.get("/next").status == 200


@pytest.mark.parametrize("end", ["end", "reset", "goaway"])
def test_the_client_ends_the_tunnel(stage, end):
    ended = threading.Event()
    stage.app.play("/chat", lambda v: (accept(v), v.wait_for_close(), ended.set()))
    with visit(stage) as visitor:
        stream = dig(visitor)
        if end == "end":
            visitor.send(data(stream, b"", True))
        elif end == "reset":
            visitor.send(rst_stream(stream))
        else:
            visitor.reset()
        assert ended.wait(PATIENCE)
        if end == "reset":
            assert visitor.get("/next").status == 200


def test_half_closing_passes_through(stage):
    """The client is done, the application still talks."""
    def script(v):
        accept(v)
        v.wait_for_close()
        v.send(b"one last word")
        v.close()

    stage.app.play("/chat", script)
    with visit(stage) as visitor:
        stream = dig(visitor)
        visitor.send(data(stream, b"", True))
        answer = visitor.answer(stream)
        assert answer.ended and answer.body == b"one last word"


@pytest.mark.parametrize("status", [301, 401, 404, 426, 503])
def test_a_refusal_is_an_ordinary_answer(stage, status):
    stage.app.play("/chat", lambda v: v.reply(status, body=b"no"))
    with visit(stage) as visitor:
        stream = visitor.open(ask(), end=False)
        answer = visitor.answer(stream)
        assert (answer.status, answer.body) == (status, b"no")
        assert visitor.get("/next").status == 200


@pytest.mark.parametrize("status", [200, 201, 204, 206])
def test_an_ordinary_answer_does_not_look_like_a_tunnel(stage, status):
    """2xx would tell the client that the tunnel stands."""
    stage.app.play("/chat", lambda v: v.reply(status, body=b"" if status == 204 else b"a page"))
    with visit(stage) as visitor:
        stream = visitor.open(ask(), end=False)
        answer = visitor.answer(stream)
        assert answer.reset not in (None, Code.NO_ERROR) if answer.status is None else answer.status // 100 != 2, answer
        assert b"a page" not in answer.body
        assert visitor.get("/next").status == 200


WRONG = {
    "no-proof": b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "wrong-proof": b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                   b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    "other-protocol": b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: chess\r\n\r\n",
    "no-upgrade": b"HTTP/1.1 101 X\r\n\r\n",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_101_is_a_bad_gateway(stage, name):
    stage.app.play("/chat", lambda v: (v.send(WRONG[name] + b"evil"), v.wait_for_close()))
    with visit(stage) as visitor:
        stream = visitor.open(ask(), end=False)
        answer = visitor.answer(stream)
        assert answer.status == 502 or (answer.status is None and answer.reset not in (None, Code.NO_ERROR)), answer
        assert b"evil" not in answer.body
        assert visitor.get("/next").status == 200


RESET = None  # with PROTOCOL_ERROR: the frames alone show that it is malformed
# And the status that each of them is answered with.
ODD = {
    "other-protocol": (ask(protocol="chess"), 405),
    "connect-udp": (ask(protocol="connect-udp"), 405),
    "empty-protocol": (ask(protocol=""), RESET),
    "protocol-list": (ask(protocol="websocket, chess"), 405),
    "protocol-crlf": (ask(protocol="websocket\r\nx-evil: 1"), RESET),
    "h2c": (ask(protocol="h2c"), 405),
    "protocol-twice": ([*ask(), (":protocol", "websocket")], RESET),
    "no-path": ([f for f in ask() if f[0] != ":path"], RESET),
    "no-scheme": ([f for f in ask() if f[0] != ":scheme"], RESET),
    "no-authority": ([f for f in ask() if f[0] != ":authority"], RESET),
    "get": (head("GET", "/chat", "sec-websocket-version: 13", protocol="websocket"), RESET),
    "with-upgrade": (ask("/chat", "upgrade: websocket", "connection: upgrade"), RESET),
    "with-dots": (ask("/../chat"), 400),
    "with-crlf": (ask("/chat\r\nx-evil: 1"), RESET),
    "with-userinfo": (ask(authority="user@app.test"), 400),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_requests_for_a_tunnel_are_refused(stage, name):
    before = stage.seen()
    with visit(stage) as visitor:
        fields, status = ODD[name]
        answer = visitor.answer(visitor.open(fields, end=False))
        assert answer.status == status, answer
        assert status or answer.reset == Code.PROTOCOL_ERROR, answer
        stage.nothing_since(before)
        assert visitor.get("/curtain-call-next").status == 200


def test_a_length_makes_no_tunnel(stage):
    stage.app.play("/chat", echo)
    before = stage.seen()
    with visit(stage) as visitor:
        stream = visitor.open(ask("/chat", "content-length: 5"), end=False)
        visitor.try_send(data(stream, b"hello", True))
        answer = visitor.answer(stream)
        assert (answer.status, answer.reset) == (None, Code.PROTOCOL_ERROR), answer
    stage.nothing_since(before)


def test_without_a_version_the_application_decides(stage):
    stage.app.play("/chat", lambda v: v.reply(426, body=b"version?", fields=["Sec-WebSocket-Version: 13"]))
    with visit(stage) as visitor:
        answer = visitor.answer(visitor.open(head("CONNECT", "/chat", protocol="websocket"), end=False))
        assert answer.status == 426, answer


def test_tunnels_on_an_application_that_is_gone(stage):
    stage.app.play("/chat", lambda v: v.close())
    with visit(stage) as visitor:
        assert visitor.answer(visitor.open(ask(), end=False)).status == 502


def test_a_tunnel_survives_a_reload(start, app):
    app.play("/chat", echo)
    sluice = start(MAKE_CONFIG(app))
    with Http2Client(sluice["h2c"]) as visitor:
        stream = dig(visitor)
        exchange(visitor, stream, b"before")
        for number in range(3):
            assert sluice.hang_up({**MAKE_CONFIG(app), "timeouts": {"idle": f"{70 + number}s", "drain": "2s"}}) == "applied"
            exchange(visitor, stream, b"after %d" % number)
