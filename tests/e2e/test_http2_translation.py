"""From HTTP/2 to an application that speaks HTTP/1.1, and back: what passes, in which form, and what never does.

The tables are in cases_http2_requests.py. The application's reader and the client's are both strict.
"""

import json
import os
import re
import threading

import pytest

from cases_http2_requests import BORDERLINE, NOTHING, PASSED, REFUSED, STRICTER
from http2 import MAX_FRAME, Code, Http2Client, Kind, data, head, headers, rst_stream
from sluice import config
from upstream import steps
from waiting import PATIENCE, wait_until
from wire import chunks

# What Sluice itself adds or decides; everything else has to arrive as the table says.
ADDED = {"host", "connection", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id", "cdn-loop",
         "te", "trailer", "content-length", "transfer-encoding"}
BROKEN_OFF = {code for code in Code if code != Code.NO_ERROR}


def MAKE_CONFIG(app):
    return config(app, listeners={"http": "127.0.0.1:0", "h2c": {"address": "127.0.0.1:0", "protocols": ["h2c"]}})


def visit(stage, **how):
    return Http2Client(stage.sluice["h2c"], **how)


def send(visitor, case):
    """Sends the request of a table, whatever becomes of it on the way; returns its stream."""
    last = not case.pieces and case.trailers is None
    stream = visitor.open(case.fields, end=last)
    for number, piece in enumerate(case.pieces, 1):
        visitor.try_send(data(stream, piece, number == len(case.pieces) and case.trailers is None))
    if case.trailers is not None:
        visitor.try_send(headers(stream, visitor.encode(case.trailers)))
    return stream


def assert_own(answer):
    """An answer Sluice made itself: says why, by an id, and has a body."""
    reason = answer.get("proxy-status")
    assert reason and re.match(r"[A-Za-z0-9!#$%&'*+.^_`|~:/-]+\s*;.*\berror=[a-z_]+", reason), f"Proxy-Status: {reason}"
    assert answer.get("x-request-id"), "no X-Request-ID"
    if answer.method != "HEAD":
        assert json.loads(bytes(answer.body))["status"] == answer.status


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused(stage, case):
    before, refused = stage.seen(), stage.sluice.refused()
    with visit(stage) as visitor:
        answer = visitor.answer(send(visitor, case))
        assert (answer.status, answer.reset) == (case.status, None if case.status else Code.PROTOCOL_ERROR), f"{answer} {answer.fields}"
        if answer.status:
            assert_own(answer)
            assert f'details="{case.rule}: ' in answer.get("proxy-status")
        wait_until(lambda: stage.sluice.refused(refused) == {("downstream", case.rule): 1},
                   f"{case.rule} in the metric")
        if case.upstream == NOTHING:
            stage.nothing_since(before)
        else:
            stage.no_complete_since(before)
        assert visitor.get("/curtain-call-next").status == 200, "one bad request is no reason to refuse the next"


@pytest.mark.parametrize("case", PASSED, ids=str)
def test_passed_on(stage, case):
    with visit(stage) as visitor:
        answer = visitor.answer(send(visitor, case))
        assert answer.status == 200 and answer.ended, f"{answer} {answer.fields} {bytes(answer.body[:300])!r}"
    assert_arrived(stage.app.visits[-1].request, case)


@pytest.mark.parametrize("case", BORDERLINE, ids=str)
def test_refused_or_passed_on_clean(stage, case):
    before = stage.seen()
    with visit(stage) as visitor:
        answer = visitor.answer(send(visitor, case))
        assert answer.status == (400 if case.name in STRICTER else 200), answer
        if answer.status == 200:
            assert_arrived(stage.app.visits[-1].request, case)
            return
    stage.no_complete_since(before)


def assert_arrived(request, case):
    assert request.start_line == case.line
    assert request.get("Host") in case.host
    assert request.body == case.body
    if case.trailers is not None and request.framing == "chunked":
        assert [(n.lower(), v) for n, v in request.trailers] == case.trailers
    left = [(n.lower(), v) for n, v in request.fields if n.lower() not in ADDED and n.lower() != "expect"]
    assert sorted(left, key=lambda f: f[0]) == sorted(case.arrived, key=lambda f: f[0])
    assert request.framing in case.framings or (request.framing == "length" and not request.body), request.framing
    assert request.tokens("TE") in ([], ["trailers"])
    assert set(request.tokens("Connection")) <= {"keep-alive", "close", "te"}
    assert request.get("X-Forwarded-For") == "127.0.0.1"
    assert request.get("X-Forwarded-Proto") == "http"
    assert request.get("X-Forwarded-Host") == request.get("Host")
    assert request.get("X-Request-ID")


def test_there_are_enough_of_them():
    tables = REFUSED + PASSED + BORDERLINE
    assert len(REFUSED) >= 250 and len(PASSED) >= 40
    assert len({case.name for case in tables}) == len(tables)


# --- fields of the request -----------------------------------------------------------------------------------

@pytest.mark.parametrize("name,lie", [
    ("x-forwarded-for", "6.6.6.6"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "evil.test"),
    ("x-request-id", "evil-request-id"), ("x-real-ip", "6.6.6.6"), ("forwarded", "for=6.6.6.6;proto=https;host=evil.test"),
])
@pytest.mark.parametrize("spelling", ["as is", "twice", "underscores", "dots"])
def test_a_client_cannot_speak_for_a_proxy(stage, name, lie, spelling):
    written = {"as is": name, "twice": name, "underscores": name.replace("-", "_"), "dots": name.replace("-", ".")}[spelling]
    with visit(stage) as visitor:
        answer = visitor.get("/x", *[(written, lie)] * (2 if spelling == "twice" else 1))
    assert answer.status == 200
    for field, value in stage.app.last("/x").request.fields:
        assert lie not in value, f"the lie arrived as {field}: {value}"


def test_request_ids_are_told_apart(stage):
    with visit(stage) as visitor:
        streams = [visitor.open(head()) for _ in range(50)]
        for stream in streams:
            assert visitor.answer(stream).status == 200
    assert len({v.request.get("X-Request-ID") for v in stage.app.visits[-50:]}) == 50


def test_fields_that_connection_would_name_pass(stage):
    """There is no Connection in HTTP/2, so nothing is hop by hop but what the RFC names."""
    with visit(stage) as visitor:
        assert visitor.get("/x", "x-hop: 1").status == 200
    assert stage.app.last("/x").request.get("X-Hop") == "1"


# --- bodies of requests --------------------------------------------------------------------------------------

@pytest.mark.parametrize("said", [True, False], ids=["length", "no-length"])
def test_a_large_upload(stage, said):
    body = os.urandom(2 << 20)
    with visit(stage) as visitor:
        answer = visitor.request("POST", "/up", *([f"content-length: {len(body)}"] if said else []), body=body)
        assert answer.status == 200
    request = stage.app.last("/up").request
    assert request.body == body
    assert request.framing == ("length" if said else "chunked")


def test_uploads_side_by_side(stage):
    """One after the other on each stream, but all at the same time."""
    bodies = {n: os.urandom(50_000) for n in range(10)}
    with visit(stage) as visitor:
        streams = {n: visitor.open(head("POST", f"/up-{n}"), end=False) for n in bodies}
        for at in range(0, 50_000, 10_000):
            for n, stream in streams.items():
                visitor.upload(stream, bodies[n][at: at + 10_000], end=at == 40_000)
        for stream in streams.values():
            assert visitor.answer(stream).status == 200
    for n, body in bodies.items():
        assert stage.app.last(f"/up-{n}").request.body == body


def test_padding_is_no_part_of_a_body(stage):
    with visit(stage) as visitor:
        stream = visitor.open(head("POST", "/up", "content-length: 10"), end=False, pad=100)
        visitor.send(data(stream, b"hello", pad=255), data(stream, b"", pad=10), data(stream, b"world", True, pad=0))
        assert visitor.answer(stream).status == 200
    assert stage.app.last("/up").request.body == b"helloworld"


@pytest.mark.parametrize("said", [True, False], ids=["length", "no-length"])
@pytest.mark.parametrize("end", ["reset", "close", "half-close"])
def test_an_upload_that_is_given_up_is_not_a_request(stage, said, end):
    before = stage.seen()
    with visit(stage) as visitor:
        stream = visitor.open(head("POST", "/up", *(["content-length: 100"] if said else [])), end=False)
        visitor.send(data(stream, b"hello"))
        stage.app.wait_visits(before[0] + 1)
        if end == "reset":
            visitor.send(rst_stream(stream))
            assert visitor.get("/curtain-call-next").status == 200
        elif end == "half-close":
            visitor.half_close()
            visitor.rest()
    stage.no_complete_since(before)


def test_an_answer_while_the_upload_goes_on(stage):
    """The application answers early and reads on; the client gets the answer and may finish."""
    body = b"x" * 100_000
    stage.app.play("/up", lambda v: (v.reply(body=b"already"), v.body()))
    with visit(stage) as visitor:
        stream = visitor.open(head("POST", "/up", f"content-length: {len(body)}"), end=False)
        visitor.send(data(stream, body[:10]))
        visitor.until(lambda: visitor.answers[stream].ended, "the early answer")
        assert visitor.answers[stream].body == b"already"
        assert visitor.answers[stream].reset in (None, Code.NO_ERROR)
        if visitor.answers[stream].reset is None:
            visitor.send(data(stream, body[10:20]))
        visitor.sync()
        assert visitor.get("/next").status == 200
        assert visitor.answers[stream].reset in (None, Code.NO_ERROR), "RFC 9113 §8.1: an early answer must not be lost"


@pytest.mark.parametrize("then", ["closes", "waits"])
def test_a_refusal_while_the_upload_goes_on(stage, then, gate_of_scene):
    def refuse(v):
        v.reply(413, body=b"too much", fields=["Connection: close"] if then == "closes" else [])
        if then == "closes":
            v.close()
        else:
            gate_of_scene.wait(PATIENCE)
            v.close()

    stage.app.play("/up", refuse)
    with visit(stage) as visitor:
        stream = visitor.open(head("POST", "/up", "content-length: 100000000"), end=False)
        visitor.upload(stream, b"x" * 60_000, end=False)
        visitor.until(lambda: visitor.answers[stream].ended, "the refusal")
        assert (visitor.answers[stream].status, visitor.answers[stream].body) == (413, b"too much")
        assert visitor.get("/next").status == 200


@pytest.fixture
def gate_of_scene():
    event = threading.Event()
    yield event
    event.set()


def test_both_ways_at_once(stage):
    """The head of the answer comes before the end of the request, and so does what was answered."""
    def echo(v):
        v.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        v.body(sink=lambda piece: v.send(b"%x\r\n%s\r\n" % (len(piece), piece)))
        v.send(b"0\r\n\r\n")

    stage.app.play("/echo", echo)
    with visit(stage) as visitor:
        stream = visitor.open(head("POST", "/echo"), end=False)
        assert visitor.status(stream) == 200
        for said in (b"one", b"two", b"three"):
            before = len(visitor.answers[stream].body)
            visitor.send(data(stream, said))
            visitor.until(lambda: len(visitor.answers[stream].body) == before + len(said), "the echo")
        visitor.send(data(stream, b"", True))
        assert visitor.answer(stream).body == b"onetwothree"


# --- interim answers -----------------------------------------------------------------------------------------

def test_continue_is_relayed_and_the_body_follows(stage):
    stage.app.play("/up", lambda v: (v.reply(100), v.body(), v.reply(body=b"thanks")))
    with visit(stage) as visitor:
        stream = visitor.open(head("POST", "/up", "expect: 100-continue", "content-length: 5"), end=False)
        visitor.until(lambda: visitor.answers[stream].interim, "100")
        assert visitor.answers[stream].interim == [[(":status", "100")]]
        visitor.send(data(stream, b"hello", True))
        assert visitor.answer(stream).body == b"thanks"
    request = stage.app.last("/up").request
    assert request.get("Expect").lower() == "100-continue"
    assert request.body == b"hello"


def test_refusal_instead_of_continue(stage):
    stage.app.play("/up", lambda v: (v.reply(417, body=b"no"), v.wait_for_close()))
    with visit(stage) as visitor:
        stream = visitor.open(head("POST", "/up", "expect: 100-continue", "content-length: 5"), end=False)
        visitor.until(lambda: visitor.answers[stream].ended, "the refusal")
        assert (visitor.answers[stream].status, visitor.answers[stream].interim) == (417, [])
        assert visitor.get("/next").status == 200


def test_early_hints_pass_when_they_come(stage, gate_of_scene):
    def script(v):
        v.reply(103, fields=["Link: </a.css>; rel=preload"])
        v.reply(103, fields=["Link: </b.css>; rel=preload", "Connection: x-hop", "X-Hop: 1"])
        gate_of_scene.wait(PATIENCE)
        v.reply(body=b"ok")

    stage.app.play("/hints", script)
    with visit(stage) as visitor:
        stream = visitor.open(head("GET", "/hints"))
        answer = visitor.answers[stream]
        visitor.until(lambda: len(answer.interim) == 2, "two hints")
        assert [dict(h)[":status"] for h in answer.interim] == ["103", "103"]
        assert [dict(h)["link"] for h in answer.interim] == ["</a.css>; rel=preload", "</b.css>; rel=preload"]
        assert "x-hop" not in dict(answer.interim[1])
        gate_of_scene.set()
        assert visitor.answer(stream).body == b"ok"


def test_a_switch_nobody_asked_for_is_refused(stage):
    stage.app.play("/switch", b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi")
    with visit(stage) as visitor:
        answer = visitor.get("/switch")
        assert answer.status == 502 and not answer.interim
        assert visitor.get("/next").status == 200


# --- answers -------------------------------------------------------------------------------------------------

def test_an_answer_in_full(stage):
    stage.app.play("/x", lambda v: v.reply(404, body=b"nothing here", reason="Gone Fishing", fields=[
        "Server: its-own", "SET-COOKIE: a=1", "Set-Cookie: b=2; Path=/", "ETag: \"x\"", "X-Empty:", "X-Upper-CASE: Value",
        "Vary: Accept, Cookie"]))
    with visit(stage) as visitor:
        answer = visitor.get("/x")
    assert (answer.status, answer.body) == (404, b"nothing here")
    assert answer.all("set-cookie") == ["a=1", "b=2; Path=/"]
    assert (answer.get("server"), answer.get("etag"), answer.get("x-empty")) == ("its-own", '"x"', "")
    assert (answer.get("x-upper-case"), answer.get("vary")) == ("Value", "Accept, Cookie")
    assert not answer.all("proxy-status") and not answer.all("reason")


def test_obs_text_comes_back(stage):
    stage.app.play("/x", lambda v: v.reply(body=b"ok", fields=["X-Text: caf\xe9 \xff"]))
    with visit(stage) as visitor:
        assert visitor.get("/x").get("x-text") == "caf\xe9 \xff"


def test_hop_by_hop_fields_of_the_answer_stop_here(stage):
    stage.app.play("/x", lambda v: v.reply(body=b"ok", fields=[
        "Connection: X-Hop, keep-alive", "X-Hop: 1", "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "Upgrade: h2c",
        "X-End: 2"]))
    with visit(stage) as visitor:
        answer = visitor.get("/x")  # the reader refuses all of them but X-Hop
    assert not answer.all("x-hop")
    assert answer.get("x-end") == "2"


FRAMINGS = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", "5"),
    "length-zero": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"", "0"),
    "chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(b"hel", b"lo"), b"hello", None),
    "chunked-empty": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"", None),
    "until-close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", b"hello", None),
    "until-close-empty": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"", None),
    "1.0": (b"HTTP/1.0 200 OK\r\n\r\nhello", b"hello", None),
    "no-reason": (b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", b"hello", "5"),
    "reset-content": (b"HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n", b"", "0"),
}


@pytest.mark.parametrize("name", FRAMINGS)
def test_each_framing_ends_the_stream(stage, name):
    sent, body, length = FRAMINGS[name]
    stage.app.play("/x", steps(sent, lambda v: v.close()) if length is None and "chunked" not in name else steps(sent))
    with visit(stage) as visitor:
        answer = visitor.get("/x")
        assert answer.ended and answer.body == body
        if length != "0":
            assert answer.get("content-length") == length
        assert visitor.get("/next").status == 200


BODILESS = {
    "head-length": ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n", 200, "12345"),
    "head-chunked": ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, None),
    "head-nothing": ("HEAD", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", 200, None),
    "head-not-found": ("HEAD", b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n", 404, "9"),
    "no-content": ("GET", b"HTTP/1.1 204 No Content\r\nX-End: 1\r\n\r\n", 204, None),
    "no-content-post": ("POST", b"HTTP/1.1 204 No Content\r\n\r\n", 204, None),
    "not-modified": ("GET", b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", 304, None),
    "not-modified-length": ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 12345\r\n\r\n", 304, "12345"),
}


@pytest.mark.parametrize("name", BODILESS)
def test_answers_without_a_body(stage, name):
    method, sent, status, length = BODILESS[name]
    stage.app.play("/x", sent)
    with visit(stage) as visitor:
        answer = visitor.request(method, "/x")
        assert (answer.status, answer.ended, answer.body) == (status, True, b"")
        assert answer.get("content-length") in (length, None)
        assert visitor.get("/next").status == 200


def test_trailers_of_an_answer(stage):
    stage.app.play("/x", lambda v: v.reply(body=b"hello", chunked=True, trailers="X-Sum: 1\r\nx-more: 2\r\n"))
    with visit(stage) as visitor:
        answer = visitor.get("/x", "te: trailers")
        assert (answer.body, answer.trailers) == (b"hello", [("x-sum", "1"), ("x-more", "2")])
        assert visitor.get("/next").trailers is None


def test_trailers_of_an_answer_without_a_body(stage):
    """As gRPC's refusals have them."""
    stage.app.play("/x", lambda v: v.reply(chunked=True, trailers="Grpc-Status: 12\r\n"))
    with visit(stage) as visitor:
        answer = visitor.get("/x", "te: trailers")
        assert (answer.status, answer.body, answer.trailers) == (200, b"", [("grpc-status", "12")])


@pytest.mark.parametrize("line", ["Content-Length: 5", "Transfer-Encoding: chunked", "Set-Cookie: evil=1", ":status: 500",
                                  "Connection: close", "x y: z"])
def test_forbidden_trailers_of_an_answer(stage, line):
    stage.app.play("/x", lambda v: v.reply(body=b"hello", chunked=True, trailers=f"{line}\r\n"))
    with visit(stage) as visitor:
        answer = visitor.get("/x")
        assert not answer.trailers, "dropped, or the whole answer broken off, or never begun"
        assert answer.ended or answer.reset in BROKEN_OFF
        assert visitor.get("/next").status == 200


def test_a_large_answer(stage):
    body = os.urandom(3 << 20)
    stage.app.play("/down", lambda v: v.reply(body=body))
    with visit(stage) as visitor:
        answer = visitor.get("/down")
        assert answer.body == body
        assert all(len(f.payload) <= MAX_FRAME for f in visitor.frames)


def test_large_answers_side_by_side(stage):
    """They share the connection's window; neither waits for the other to end."""
    body = os.urandom(300_000)
    stage.app.play("/down", lambda v: v.reply(body=body))
    with visit(stage) as visitor:
        streams = [visitor.open(head("GET", "/down")) for _ in range(10)]
        for stream in streams:
            assert visitor.answer(stream).body == body
        order = [f.stream for f in visitor.frames if f.kind == Kind.DATA]
        assert sum(a != b for a, b in zip(order, order[1:])) > 10, "one after the other"


def test_a_head_larger_than_a_frame(stage):
    """Needs CONTINUATION."""
    fields = [f"X-{i}: {os.urandom(500).hex()}" for i in range(40)]
    stage.app.play("/x", lambda v: v.reply(body=b"ok", fields=fields))
    with visit(stage) as visitor:
        answer = visitor.get("/x")
    assert [f"X-{i}: {answer.get(f'x-{i}')}" for i in range(40)] == fields


def test_answers_in_another_order(stage, gate_of_scene):
    stage.app.play("/slow", lambda v: (gate_of_scene.wait(PATIENCE), v.reply(body=b"slow")))
    with visit(stage) as visitor:
        slow, fast = visitor.open(head("GET", "/slow")), visitor.open(head("GET", "/fast"))
        assert visitor.answer(fast).status == 200
        assert not visitor.answers[slow].fields
        gate_of_scene.set()
        assert visitor.answer(slow).body == b"slow"


# --- applications that fail ----------------------------------------------------------------------------------

CUT = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "close"),
    "length-reset": (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "reset"),
    "length-nothing": (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "close"),
    "chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "close"),
    "chunked-reset": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "reset"),
    "chunked-inside": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "close"),
    "chunked-no-last-line": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "close"),
    "chunked-nonsense": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n", "close"),
    "until-close-reset": (b"HTTP/1.1 200 OK\r\n\r\nhello", "reset"),
}


@pytest.mark.parametrize("name", CUT)
def test_an_answer_that_breaks_off_never_ends_cleanly(stage, name, gate_of_scene):
    sent, end = CUT[name]
    # What was sent has to be seen before the reset overtakes it.
    stage.app.play("/cut", lambda v: (v.send(sent), gate_of_scene.wait(PATIENCE), getattr(v, end)()))
    with visit(stage) as visitor:
        stream = visitor.open(head("GET", "/cut"))
        answer = visitor.answers[stream]
        if name != "length-nothing" and name != "chunked-nonsense":
            visitor.until(lambda: answer.body or answer.over, "the beginning")
        gate_of_scene.set()
        visitor.answer(stream)
        assert answer.status == 502 or (answer.reset in BROKEN_OFF and not answer.ended), answer
        assert visitor.get("/next").status == 200, "the others go on"


FAILURES = {
    "hangs-up": steps(lambda v: v.close()),
    "resets": steps(lambda v: v.reset()),
    "nonsense": steps(b"nonsense\r\n\r\n"),
    "half-a-head": steps(b"HTTP/1.1 200 OK\r\nContent-Le", lambda v: v.close()),
    "two-lengths": steps(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
    "both-framings": steps(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "fold": steps(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\r\n c\r\n\r\nok"),
    "pseudo": steps(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n:status: 500\r\n\r\nok"),
    "name-with-space": steps(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA B: c\r\n\r\nok"),
    "nul": steps(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: \0\r\n\r\nok"),
    "cr": steps(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\rc\r\n\r\nok"),
    "http2": steps(b"HTTP/2 200\r\nContent-Length: 2\r\n\r\nok"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_becomes_502(stage, name):
    stage.app.play("/x", FAILURES[name])
    with visit(stage) as visitor:
        stream = visitor.open(head("POST", "/x", "content-length: 0"))
        answer = visitor.answer(stream)
        assert (answer.status, answer.ended) == (502, True)
        assert_own(answer)
        assert visitor.get("/next").status == 200
