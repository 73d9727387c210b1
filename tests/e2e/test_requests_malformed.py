"""Requests that must never reach an application: refused with one proper answer, connection closed.

The tables are in cases_requests_*.py. Each scene: a visitor sends the bytes, reads the one answer, sees the
connection close; then an honest visitor is served, and the application was sent nothing but his request.
"""

import json
import re

import pytest

import cases_requests_framing
import cases_requests_syntax
import cases_requests_targets
from cases_requests import NOTHING, get
from wire import chunks

CASES = cases_requests_framing.CASES + cases_requests_syntax.CASES + cases_requests_targets.CASES


@pytest.mark.parametrize("case", CASES, ids=str)
def test_refused(stage, case):
    before = stage.seen()
    with stage.connect() as visitor:
        visitor.try_send(case.request)
        method = "HEAD" if case.request.startswith(b"HEAD ") else "GET"
        answer = visitor.response(to=method, interim=True)
        assert answer.status == case.status, f"answered {answer.start_line} {answer.body[:500]!r}"
        assert_own(answer)
        assert told_rule(answer) == case.rule
        if not case.closes and answer.keeps_alive:
            visitor.half_close()
        visitor.closed_cleanly()
    if case.upstream == NOTHING:
        stage.nothing_since(before)
    else:
        stage.no_complete_since(before)
    assert not (case.closes and answer.keeps_alive), "closed, as it should, but the answer does not say so"


def assert_own(answer):
    """An answer Sluice made itself: says why, by an id, and has a body."""
    reason = answer.get("Proxy-Status")
    assert reason and re.match(r"[A-Za-z0-9!#$%&'*+.^_`|~:/-]+\s*;.*\berror=[a-z_]+", reason), f"Proxy-Status: {reason}"
    assert answer.get("X-Request-ID"), "no X-Request-ID"
    assert answer.get("Server") in (None, "sluice", "Sluice"), "version banner"
    kind = answer.get("Content-Type") or ""
    if kind.startswith("application/"):
        json.loads(answer.body)
    else:
        assert kind.startswith("text/html"), f"Content-Type: {kind}"


def told_rule(answer):
    """The rule that the answer names: our clients are on loopback."""
    found = re.search(r'details="([a-z0-9-]+): ', answer.get("Proxy-Status"))
    return found and found[1]


def test_there_are_enough_of_them():
    assert len(CASES) >= 250
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("garbage", [b"\0\0\0\0\r\n\r\n", b"hello\r\n\r\n", b"GET /y HTTP/1.1\nHost: app.test\n\n",
                                     b"GET /y HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"\x16\x03\x01\0\0\r\n\r\n"])
def test_garbage_behind_a_good_request(stage, garbage):
    """The good one is answered, the garbage is refused, and only the good one went on."""
    with stage.connect() as visitor:
        visitor.send(get(target="/good") + garbage)
        assert visitor.response().status == 200
        assert visitor.response().status == 400
        visitor.closed_cleanly()
    visits = len(stage.app.visits)
    assert stage.app.visits[-1].request.target == "/good"
    stage.curtain_call()
    assert len(stage.app.visits) == visits + 1


def test_smuggled_request_behind_a_refused_one_is_never_read(stage):
    """Whatever follows a refused message on the connection belongs to nobody."""
    before = stage.seen()
    with stage.connect() as visitor:
        visitor.try_send(get("Content-Length: 5", "Transfer-Encoding: chunked", method="POST") + b"0\r\n\r\n"
                         + get(target="/smuggled") * 20)
        assert visitor.response().status == 400
        visitor.closed_cleanly()
    stage.nothing_since(before)


def test_malformed_behind_a_whole_chunked_body(stage):
    """The end of a chunked body is exactly where the next request begins."""
    with stage.connect() as visitor:
        visitor.send(get("Transfer-Encoding: chunked", method="POST", target="/first") + chunks(b"hello")
                     + b"x" + get(target="/second", method="\x01"))
        assert visitor.response().status == 200
        assert visitor.response().status == 400
        visitor.closed_cleanly()
    assert stage.app.last("/first").request.body == b"hello"
    assert not stage.app.to("/second")


@pytest.mark.parametrize("head", [
    b"GET /x HTTP/1.1\r\nHost: app.test\r\nA: \0\r\n\r\n",
    b"POST /x HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /x HTTP/1.1\r\nHost: app.test\r\nA: b\r\n c\r\n\r\n",
    b"GET /x HTTP/1.1\r\nHost: app.test\nA: b\r\n\r\n",
    b"GET /a/../b HTTP/1.1\r\nHost: app.test\r\n\r\n",
    b"POST /x HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
], ids=["nul", "both-framings", "fold", "bare-lf", "dots", "xchunked"])
def test_refused_also_byte_by_byte(stage, head):
    """Where the segments end makes no difference to the guard."""
    before = stage.seen()
    with stage.connect() as visitor:
        for byte in head:
            if not visitor.try_send(bytes([byte])):
                break
        assert visitor.response().status == 400
        visitor.closed_cleanly()
    stage.nothing_since(before)


def test_a_body_cut_short_is_not_a_request(stage):
    """A client that goes away inside its body leaves the application with a broken message, not a short one."""
    for request in (get("Content-Length: 10", method="POST") + b"hello",
                    get("Transfer-Encoding: chunked", method="POST") + b"5\r\nhello\r\n",
                    get("Transfer-Encoding: chunked", method="POST") + b"5\r\nhello\r\n0\r\n"):
        before = stage.seen()
        with stage.connect() as visitor:
            visitor.send(request)
        stage.no_complete_since(before)


def test_in_the_end_nothing_has_got_through(stage):
    """Also nothing that was late for the scene it belongs to."""
    stage.curtain_call()
    complete = {v.request.path for v in stage.strangers(0) if v.request.complete}
    assert complete <= {"/good", "/first"}, complete
