"""Answers that Sluice makes itself: which status, why, under which id, in which language."""

import json
import re

import pytest

from ports import closed_port
from sluice import config, pool

# The reasons of RFC 9209 §2.3 that fit each.
REASONS = {
    400: {"http_request_error"},
    404: {"destination_not_found", "http_request_denied", "http_request_error"},
    405: {"http_request_denied", "http_request_error"},
    414: {"http_request_error"},
    431: {"http_request_error"},
    502: {"connection_refused", "connection_terminated", "http_response_incomplete", "http_protocol_error",
          "destination_unavailable"},
    503: {"destination_unavailable", "connection_refused"},
    504: {"http_response_timeout", "connection_timeout", "connection_read_timeout"},
}


@pytest.fixture
def edge(start, app):
    """One Sluice with a way to every kind of failure."""
    app.play("/never", lambda visit: visit.wait_for_close())
    app.play("/nonsense", b"nonsense\r\n\r\n")
    app.play("/hang-up", lambda visit: visit.close())
    return start(config(
        pools={"app": pool(app, timeouts={"first_byte": "300ms"}), "gone": pool(f"127.0.0.1:{closed_port()}")},
        routes=[{"hosts": ["app.test"], "path": "/gone/", "pool": "gone"}, {"hosts": ["app.test"], "pool": "app"}]))


FAILURES = [("/x", "nobody.test", 404), ("/gone/x", "app.test", 502), ("/nonsense", "app.test", 502),
            ("/hang-up", "app.test", 502), ("/never", "app.test", 504), ("/../x", "app.test", 400),
            ("/" + "x" * 40_000, "app.test", 414)]


@pytest.mark.parametrize("target,host,status", FAILURES, ids=[f"{f[2]}-{f[0][:10]}" for f in FAILURES])
@pytest.mark.parametrize("accept", ["application/json", "text/html", "text/html,application/xhtml+xml,*/*;q=0.8", "*/*", None])
def test_says_why(edge, target, host, status, accept):
    answer = edge.get(target, *([f"Accept: {accept}"] if accept else []), host=host)
    assert answer.status == status
    reason = re.match(r"([A-Za-z0-9._-]+)\s*;.*\berror=([a-z_]+)", answer.get("Proxy-Status"))
    assert reason and reason[1].lower() == "sluice"
    assert reason[2] in REASONS[answer.status]
    number = answer.get("X-Request-ID")
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", number)
    kind = answer.get("Content-Type").partition(";")[0]
    understood = answer.status not in (400, 414, 431)  # else nobody read as far as Accept
    if understood and accept == "application/json":
        assert kind in ("application/json", "application/problem+json")
    if understood and accept and accept.startswith("text/html"):
        assert kind == "text/html"
    if kind == "text/html":
        assert re.match(rb"\s*<!doctype html>", answer.body, re.I)
        assert str(answer.status).encode() in answer.body
        assert number.encode() in answer.body, "a visitor must be able to name the id to support"
    else:
        body = json.loads(answer.body)
        assert answer.status in body.values() and number in body.values()
    if answer.status == 503:
        assert int(answer.get("Retry-After")) > 0


@pytest.mark.parametrize("target,host,status", FAILURES[:3])
def test_to_head_there_is_no_body(edge, target, host, status):
    with edge.connect() as visitor:
        answer = visitor.request("HEAD", target, host=host)
        assert answer.status == status and answer.get("X-Request-ID")
        if answer.keeps_alive:
            assert visitor.get("/after").status == 200


def test_nothing_of_the_request_is_reflected(edge):
    """An error page is no place to put a script into."""
    for target, host in (("/x?<script>alert(1)</script>", "nobody.test"), ("/gone/%3Cscript%3E", "app.test")):
        answer = edge.get(target, "Accept: text/html", "X-Request-ID: <script>", "User-Agent: <script>", host=host)
        assert b"<script>" not in answer.body


def test_an_error_does_not_cost_the_connection(edge):
    """Well-formed requests that fail leave client and Sluice in step."""
    with edge.connect() as visitor:
        assert visitor.get("/x", host="nobody.test").status == 404
        assert visitor.get("/gone/x").status == 502
        assert visitor.get("/fine").status == 200


def test_an_error_with_an_unread_body_does_not_confuse(edge):
    """404 for a POST: what follows is either read as its body or never read."""
    with edge.connect() as visitor:
        visitor.send(b"POST /x HTTP/1.1\r\nHost: nobody.test\r\nContent-Length: 42\r\n\r\n")
        answer = visitor.response()
        assert answer.status == 404
        visitor.try_send(b"GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n")
        visitor.half_close()
        assert visitor.rest() == b""


def test_errors_of_the_application_are_the_applications(edge, app):
    app.play("/broken", lambda visit: visit.reply(500, body=b"my own words"))
    answer = edge.get("/broken")
    assert (answer.status, answer.body) == (500, b"my own words")
    assert not answer.all("Proxy-Status")
