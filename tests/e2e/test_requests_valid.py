"""Unusual but proper requests are passed on, and arrive at the application in one well-defined form.

The tables are in cases_requests_valid.py. The application's reader is strict: it would refuse anything that
is not plain RFC 9112.
"""

import pytest

from cases_requests_valid import ANY, BORDERLINE, STRICTER, VALID

# What Sluice itself adds or decides; everything else has to arrive as the table says.
ADDED = {"host", "connection", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id",
         "cdn-loop", "te", "trailer"}
FRAMING = {"content-length", "transfer-encoding"}


@pytest.mark.parametrize("case", VALID, ids=str)
def test_passed_on(stage, case):
    with stage.connect() as visitor:
        visitor.send(case.request)
        answer = visitor.response(to="HEAD" if case.request.startswith(b"HEAD") else "GET")
        assert answer.status == 200, f"{answer.start_line}: {answer.get('Proxy-Status')} {answer.body[:500]!r}"
    assert_arrived(stage.app.visits[-1].request, case)


@pytest.mark.parametrize("case", BORDERLINE, ids=str)
def test_refused_or_passed_on_clean(stage, case):
    before = stage.seen()
    with stage.connect() as visitor:
        visitor.send(case.request)
        answer = visitor.response()
        assert answer.status == STRICTER.get(case.name, 200), answer.start_line
        if answer.status == 200:
            assert_arrived(stage.app.visits[-1].request, case)
            return
        visitor.closed_cleanly()
    stage.nothing_since(before)


def assert_arrived(request, case):
    assert request.start_line in case.line
    assert request.get("Host") is not None or case.host is ANY
    assert case.host is ANY or request.get("Host") in case.host
    assert request.body == case.body
    assert tuple((n.lower(), v) for n, v in request.trailers) == case.trailers
    left = [(n.lower(), v) for n, v in request.fields if n.lower() not in ADDED | FRAMING]
    assert by_name(expectation(left)) == by_name(expectation(list(case.fields)))
    if case.framing == "none":
        assert request.get("Content-Length") in (None, "0") and request.get("Transfer-Encoding") is None
    else:
        assert request.framing == case.framing
    assert request.tokens("TE") in ([], ["trailers"])
    assert set(request.tokens("Connection")) <= {"keep-alive", "close", "te"}
    assert request.get("X-Forwarded-For") == "127.0.0.1"
    assert request.get("X-Real-IP") in (None, "127.0.0.1")
    assert request.get("X-Request-ID")


def by_name(fields):
    """Order between different names is free, order within one name is not."""
    return sorted(fields, key=lambda f: f[0])


def expectation(fields):
    return [(n, v.lower() if n == "expect" else v) for n, v in fields if (n, v.lower()) != ("expect", "100-continue")]


def test_there_are_enough_of_them():
    assert len(VALID) >= 60
    assert len({case.name for case in VALID + BORDERLINE}) == len(VALID + BORDERLINE)
    assert set(STRICTER) <= {case.name for case in BORDERLINE}


def test_cookie_lines_stay_one_cookie_each_or_are_joined_by_semicolons(stage):
    with stage.connect() as visitor:
        assert visitor.get("/cookies", "Cookie: a=1; b=2", "Cookie: c=3").status == 200
    lines = stage.app.last("/cookies").request.all("Cookie")
    assert "; ".join(lines) == "a=1; b=2; c=3"


def test_requests_byte_by_byte(stage):
    """The smallest segments there are: head, chunked body, trailers."""
    with stage.connect() as visitor:
        for byte in (b"POST /slow HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                     b"5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nX-Check: 1\r\n\r\n"):
            visitor.send(bytes([byte]))
        assert visitor.response().status == 200
    request = stage.app.last("/slow").request
    assert (request.body, request.trailers) == (b"hello world", [("X-Check", "1")])


def test_h2c_is_answered_in_http_1(stage):
    """RFC 9113 dropped this upgrade; forwarding it would open a tunnel past every rule."""
    with stage.connect() as visitor:
        answer = visitor.get("/h2c", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
        assert answer.status == 200
        assert visitor.get("/again").status == 200
    request = stage.app.last("/h2c").request
    assert not request.all("Upgrade") and not request.all("HTTP2-Settings")


@pytest.mark.parametrize("upgrade", ["h2c, websocket", "websocket, h2c"])
def test_h2c_hidden_in_a_list_is_not_offered(stage, upgrade):
    with stage.connect() as visitor:
        visitor.send(f"GET /list HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {upgrade}\r\n"
                     "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n".encode())
        assert visitor.response().status == 200
    for visit in stage.app.to("/list"):
        assert "h2c" not in visit.request.tokens("Upgrade")
        assert not visit.request.all("HTTP2-Settings")
