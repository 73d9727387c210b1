"""Bodies of every framing and of awkward sizes, in both directions, whole and in order."""

import hashlib
import random
import threading

import pytest

from client import RawClient
from peers import curl
from sluice import config
from wire import chunks

SIZES = [0, 1, 16383, 16384, 16385, 65536, 1 << 20]


def content(size, seed=7):
    return random.Random(seed).randbytes(size)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def pieces(body, size=10_000):
    return chunks(*[body[i:i + size] for i in range(0, len(body), size)])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_request_body(stage, size, framing):
    body = content(size)
    with stage.connect() as visitor:
        if framing == "length":
            visitor.send(b"POST /up HTTP/1.1\r\nHost: app.test\r\nContent-Length: %d\r\n\r\n" % size + body)
        else:
            visitor.send(b"POST /up HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces(body))
        assert visitor.response().status == 200
    request = stage.app.last("/up").request
    assert request.framing == framing
    assert digest(request.body) == digest(body)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_response_body(stage, size, framing):
    body = content(size)

    def script(visit):
        if framing == "length":
            visit.reply(body=body)
        elif framing == "chunked":
            visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces(body))
        else:
            visit.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
            visit.close()

    stage.app.play("/down", script)
    with stage.connect() as visitor:
        for _ in range(2):  # the second shows that the first ended where it should
            answer = visitor.get("/down")
            assert answer.framing == ("length" if framing == "length" else "chunked")
            assert digest(answer.body) == digest(body)


@pytest.mark.parametrize("size", [0, 1, 16384, 1 << 20])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_response_body_to_an_http_1_0_client(stage, size, framing):
    """It understands no chunks: the body ends with its length or with the connection."""
    body = content(size)

    def script(visit):
        if framing == "close":
            visit.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
            visit.close()
        else:
            visit.reply(body=body, chunked=framing == "chunked")

    stage.app.play("/down", script)
    with stage.connect() as visitor:
        visitor.send(b"GET /down HTTP/1.0\r\nHost: app.test\r\n\r\n")
        answer = visitor.response()
        assert answer.framing in ("length", "close") and not answer.all("Transfer-Encoding")
        assert digest(answer.body) == digest(body)
        assert visitor.closed_cleanly() == "eof"


def test_large_bodies_both_ways_at_once(stage):
    """The application echoes while the client is still sending; neither waits for the other's end."""
    def echo(visit):
        visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        visit.body(sink=lambda piece: visit.send(b"%x\r\n%s\r\n" % (len(piece), piece)))
        visit.send(b"0\r\n\r\n")

    stage.app.play("/echo", echo)
    body = content(4 << 20)
    with stage.connect() as visitor:
        sender = threading.Thread(target=visitor.send, args=(
            b"POST /echo HTTP/1.1\r\nHost: app.test\r\nContent-Length: %d\r\n\r\n" % len(body) + body,))
        sender.start()
        answer = visitor.response()
        sender.join()
    assert digest(answer.body) == digest(body)


def test_a_conversation_in_chunks(stage):
    """Each piece arrives before the next is sent: nothing waits for a body to be whole, in either direction."""
    turns = 20

    def converse(visit):
        visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        visit.body(sink=lambda piece: visit.send(b"%x\r\n%s\r\n" % (len(piece), piece)))
        visit.send(b"0\r\n\r\n")

    stage.app.play("/talk", converse)
    with stage.connect() as visitor:
        visitor.send(b"POST /talk HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        to_say = [b"7\r\nturn %02d\r\n" % turn for turn in range(1, turns)] + [b"0\r\n\r\n"]
        heard = []

        def on_piece(piece):
            heard.append(piece)
            if len(b"".join(heard)) % 7 == 0:
                visitor.send(to_say.pop(0))

        visitor.send(b"7\r\nturn 00\r\n")
        visitor.response(sink=on_piece)
    assert b"".join(heard) == b"".join(b"turn %02d" % turn for turn in range(turns))


def test_response_head_does_not_wait_for_the_body(stage):
    gate = threading.Event()

    def script(visit):
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        gate.wait(60)
        visit.send(b"hello")

    stage.app.play("/late", script)
    with stage.connect() as visitor:
        visitor.send(b"GET /late HTTP/1.1\r\nHost: app.test\r\n\r\n")
        _, status_line, fields, _ = visitor.wire.head("response")
        assert status_line.startswith("HTTP/1.1 200 ") and ("content-length", "5") in [(n.lower(), v) for n, v in fields]
        gate.set()
        assert visitor.wire.exactly(5, "of the body") == b"hello"


def test_trailers_from_the_application(stage):
    stage.app.play("/sum", lambda visit: visit.reply(body=b"ok", chunked=True, fields=["Trailer: X-Sum"],
                                                      trailers="X-Sum: abc\r\nX-More: \r\n"))
    with stage.connect() as visitor:
        answer = visitor.get("/sum", "TE: trailers")
        assert (answer.body, answer.trailers) == (b"ok", [("X-Sum", "abc"), ("X-More", "")])


def test_trailers_to_an_http_1_0_client_are_dropped(stage):
    stage.app.play("/sum", lambda visit: visit.reply(body=b"ok", chunked=True, trailers="X-Sum: abc\r\n"))
    with stage.connect() as visitor:
        visitor.send(b"GET /sum HTTP/1.0\r\nHost: app.test\r\n\r\n")
        assert visitor.response().body == b"ok"


def test_a_chunked_answer_cut_short_is_a_reset_to_an_http_1_0_client(stage):
    """Without length and chunks only a reset tells a broken body from a whole one."""
    def script(visit):
        visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        visit.close()

    stage.app.play("/cut", script)
    with stage.connect() as visitor:
        visitor.send(b"GET /cut HTTP/1.0\r\nHost: app.test\r\n\r\n")
        rest = visitor.rest()
        assert visitor.wire.ended == "reset" or rest.startswith((b"HTTP/1.1 502", b"HTTP/1.0 502")), rest


@pytest.mark.parametrize("status,ask", [(200, "HEAD"), (204, "GET"), (304, "GET"), (204, "POST"), (404, "HEAD")])
def test_answers_without_body_leave_the_connection_in_step(stage, status, ask):
    stage.app.play("/bare", lambda visit: (visit.body(), visit.reply(status, body=b"x" * 10, fields=['ETag: "a"'])))
    with stage.connect() as visitor:
        for _ in range(3):
            answer = visitor.request(ask, "/bare")
            assert (answer.status, answer.body) == (status, b"")
            assert visitor.get("/full").body == b"hello from app"


def test_curl_and_nginx_move_files_both_ways(start, nginx, tmp_path):
    """No test double on either side: curl downloads from and uploads to nginx, through Sluice."""
    web = nginx("location / { sendfile on; } location /up/ { dav_methods PUT; create_full_put_path on; }")
    body = content(8 << 20)
    (web.root / "file.bin").write_bytes(body)
    (tmp_path / "up.bin").write_bytes(body)
    sluice = start(config(web.address))
    base = f"http://{sluice['http']}"
    got = curl(f"{base}/file.bin", "-o", tmp_path / "down.bin", "-w", "%{http_code}")
    assert (got.returncode, got.stdout) == (0, "200"), got.stderr
    assert digest((tmp_path / "down.bin").read_bytes()) == digest(body)
    put = curl("-T", tmp_path / "up.bin", f"{base}/up/sized.bin", "-w", "%{http_code}")
    assert (put.returncode, put.stdout) == (0, "201"), put.stderr
    assert digest((web.root / "up" / "sized.bin").read_bytes()) == digest(body)
    put = curl("-T", tmp_path / "up.bin", f"{base}/up/chunked.bin", "-H", "Transfer-Encoding: chunked", "-w", "%{http_code}")
    assert (put.returncode, put.stdout) == (0, "201"), put.stderr
    assert digest((web.root / "up" / "chunked.bin").read_bytes()) == digest(body)
    part = curl("-r", "100-199", f"{base}/file.bin", binary=True)
    assert part.stdout == body[100:200]


def test_body_limit(start, app):
    """`max.body`: by its length before anything is forwarded, by counting when it comes in chunks."""
    sluice = start(config(app, max={"body": "64KiB"}))
    with RawClient(sluice["http"]) as visitor:
        assert visitor.request("POST", "/fits", body=content(65536)).status == 200
    with RawClient(sluice["http"]) as visitor:
        visitor.send(b"POST /long HTTP/1.1\r\nHost: app.test\r\nContent-Length: 65537\r\n\r\n")
        assert visitor.response().status == 413
    assert not app.to("/long")
    with RawClient(sluice["http"]) as visitor:
        visitor.try_send(b"POST /chunks HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                         + pieces(content(1 << 20)))
        assert visitor.response().status == 413
        visitor.closed_cleanly()
    for visit in app.to("/chunks"):
        app.wait_done(visit)
        assert not visit.request.complete
