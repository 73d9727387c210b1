"""What was wrong with a refused message is told: to insiders in the answer, to operators in log and metric.

That each rule is told right is in the tests of the malformed cases, whose tables name it.
"""

import json
import re

import pytest

from cases_responses import EVIL, ok
from http2 import Http2Client, Kind, block, data, frame, head, headers, priority, settings, window_update
from sluice import config, pool
from waiting import wait_until

GENERAL = {400: "the request is malformed or ambiguous", 502: "the upstream's response is malformed",
           404: "no tenant or route matches"}


@pytest.fixture
def run(start, app):
    """Starts Sluice with an access log, which logged() reads."""
    def begin(**keys):
        listeners = {"http": "127.0.0.1:0", "h2c": {"address": "127.0.0.1:0", "protocols": ["h2c"]}}
        return start(config(app, listeners=listeners, log={"access": "./access.log"}, **keys))
    return begin


def logged(sluice, path):
    """The line of the access log about this path."""
    def find():
        lines = map(json.loads, (sluice.folder / "access.log").read_text().splitlines())
        return next((line for line in lines if line.get("path") == path), None)
    return wait_until(find, f"a line about {path}")


def assert_counted(sluice, wanted):
    """The metric says so, as soon as the exchange is over, which may be after its answer is here."""
    wait_until(lambda: sluice.refused() == wanted, f"{wanted} in the metric")


def details(answer):
    return re.fullmatch(r'sluice; error=\w+; details="([^"\\]*)"', answer.get("Proxy-Status"))[1]


# Who asks through whom: trusted_proxies, what the peer says, whether the client is an insider.
CLIENTS = {
    "on-loopback": ([], [], True),
    "behind-an-unknown-proxy": ([], ["X-Forwarded-For: 192.0.2.1"], False),
    "behind-an-unknown-proxy-on-loopback": ([], ["X-Forwarded-For: 127.0.0.1"], False),
    "behind-an-unknown-proxy-that-says-otherwise": ([], ["Forwarded: for=192.0.2.1"], False),
    "behind-a-trusted-proxy": (["127.0.0.1"], ["X-Forwarded-For: 192.0.2.1"], False),
    "trusted-behind-a-trusted-proxy": (["127.0.0.1", "10.0.0.0/8"], ["X-Forwarded-For: 10.1.2.3"], True),
    "liar-behind-a-trusted-proxy": (["127.0.0.1", "10.0.0.0/8"], ["X-Forwarded-For: 10.1.2.3, 192.0.2.1"], False),
    "the-trusted-proxy-itself": (["127.0.0.1"], [], True),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_insiders_are_told_more_than_strangers(run, app, name):
    trusted, says, insider = CLIENTS[name]
    app.play("/bad", ok("Content-Length: 2x"))
    sluice = run(trusted_proxies=trusted, routes=[{"hosts": ["app.test"], "path": "/bad", "pool": "app"}])
    for target, status, rule in (("/a/../b", 400, "dot-segment"), ("/bad", 502, "bad-length"), ("/ba", 404, "no-route")):
        answer = sluice.get(target, *says)
        assert answer.status == status
        told = details(answer)
        assert json.loads(answer.body)["message"] == told
        if insider:
            assert told.startswith(f"{rule}: ")
        else:
            assert told == GENERAL[status]
        assert logged(sluice, target)["error_rule"] == rule


def test_html_and_grpc_say_it_too(run):
    sluice = run()
    answer = sluice.get("/x?\"", "Accept: text/html")
    assert b"<p>query-byte: the query has a byte that no query may have</p>" in answer.body
    with Http2Client(sluice["h2c"]) as visitor:
        answer = visitor.request("POST", "/x/../y", "content-type: application/grpc", "te: trailers")
        assert answer.get("grpc-message").startswith("dot-segment: ")


# --- answers of servers --------------------------------------------------------------------------------------

def test_of_a_refused_answer_it_is_told_whose_it_was(run, app):
    app.play("/bad", ok("Content-Length: 2", "Content-Length: 3", body=b"ok") + EVIL)
    sluice = run()
    answer = sluice.get("/bad")
    assert details(answer) == f"two-lengths: there is more than one Content-Length (server {app.address} of pool app)"
    line = logged(sluice, "/bad")
    assert (line["error"], line["error_rule"]) == ("http_protocol_error", "two-lengths")
    assert (line["pool"], line["server"]) == ("app", app.address)
    assert_counted(sluice, {("upstream", "two-lengths"): 1})
    sluice.wait_log(f"warn pool app: an answer of server {re.escape(app.address)} is refused: two-lengths: ")


def test_the_process_log_tells_of_it_once_in_a_while(run, app):
    """For each server, not for each request."""
    app.play("/bad", b"nonsense\r\n\r\n")
    sluice = run()
    with sluice.connect() as visitor:
        for _ in range(50):
            assert visitor.get("/bad").status == 502
    assert_counted(sluice, {("upstream", "not-http"): 50})
    told = [line for line in sluice.log.splitlines() if "is refused" in line]
    assert 1 <= len(told) <= 5, told


def test_a_body_that_turns_bad_is_told_by_rule(run, app):
    """The client has its status by then; the log and the metric have the rule."""
    app.play("/cut", ok("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n5;\r\n"))
    sluice = run()
    with sluice.connect() as visitor:
        visitor.send(b"GET /cut HTTP/1.1\r\nHost: app.test\r\n\r\n")
        visitor.rest()
    line = logged(sluice, "/cut")
    assert (line["status"], line["error"], line["error_rule"]) == (200, "http_protocol_error", "chunk-extension")
    assert_counted(sluice, {("upstream", "chunk-extension"): 1})


def test_a_server_that_breaks_http2_is_told_of(start, h2apps):
    app = h2apps()
    app.play("/bad", lambda visit: visit.send(frame(0x3, 0, 0, bytes(4))))  # RST_STREAM on stream 0
    sluice = start(config(pools={"app": pool(app, protocol="h2")}, routes=[{"pool": "app"}]))
    with sluice.connect() as visitor:
        answer = visitor.request("POST", "/bad")
    assert answer.status in (502, 503)
    assert details(answer).startswith("h2-stream-id: ")
    assert_counted(sluice, {("upstream", "h2-stream-id"): 1})
    sluice.wait_log("pool app: an answer of server .* is refused: h2-stream-id: ")


# --- HTTP/2 --------------------------------------------------------------------------------------------------

def test_a_reset_stream_has_its_rule_in_the_log(run):
    sluice = run()
    with Http2Client(sluice["h2c"]) as visitor:
        assert visitor.answer(visitor.open(head("GET", "/early", "connection: close"))).reset
        stream = visitor.open(head("POST", "/late", "content-length: 5"), end=False)
        visitor.send(data(stream, b"too long", True))
        assert visitor.answer(stream).reset
    early, late = logged(sluice, "/early"), logged(sluice, "/late")
    assert (early["status"], early["error"], early["error_rule"]) == (400, "http_request_error", "connection-field")
    assert (late["error"], late["error_rule"]) == ("http_request_error", "body-length")
    wanted = {("downstream", "connection-field"): 1, ("downstream", "body-length"): 1}
    assert_counted(sluice, wanted)


def test_a_broken_connection_is_counted_once(run, app, gate):
    """Whatever was under way on it, and however many there are: the process log has a few lines."""
    app.play("/held", lambda visit: gate.wait(30))
    sluice = run()
    with Http2Client(sluice["h2c"], strict=False) as visitor:
        visitor.open(head("GET", "/held"))
        wait_until(lambda: app.to("/held"), "the request to arrive")
        visitor.send(settings(enable_push=7))
        visitor.rest()
    assert logged(sluice, "/held")["error_rule"] == "h2-settings"
    for _ in range(30):
        with Http2Client(sluice["h2c"], strict=False) as visitor:
            visitor.send(headers(2, b""))
            visitor.rest()
    assert_counted(sluice, {("downstream", "h2-settings"): 1, ("downstream", "h2-stream-id"): 30})
    told = [line for line in sluice.log.splitlines() if re.search(r"info connection from 127\.0\.0\.1 .* ended: h2-", line)]
    assert 1 <= len(told) <= 6, told


# --- nothing matches -----------------------------------------------------------------------------------------

TENANTS = {
    "from_host": "{tenant}.example.com",
    "defaults": {},
    "items": {"acme": {"hosts": ["www.acme.test"], "routes": [{"path": "/static/", "pool": "app"}]}},
}
ROUTES = [{"hosts": ["api.other.test"], "path": "/v1/", "pool": "app"},
          {"hosts": ["api.other.test"], "path": "/upload", "methods": ["POST", "PUT"], "pool": "app"},
          {"path": "/health", "pool": "app"}]

# host, target, rule, what insiders are told behind it; FILE stands for the place in the file.
MISSES = {
    "unknown-host": ("nobody.invalid", "/", "unknown-host", "no tenant and no route has host nobody.invalid"),
    "near-host": ("apj.other.test", "/v1/x", "unknown-host",
                  "no tenant and no route has host apj.other.test; nearest api.other.test"),
    "pattern": ("x.example.com", "/healt", "no-route",
                "host x.example.com: tenant x, by {tenant}.example.com; no route has path /healt with GET; nearest /health FILE"),
    "pattern-in-the-file": ("acme.example.com", "/statik/a", "no-route",
                            "host acme.example.com: tenant acme, by {tenant}.example.com; no route has path /statik/a with GET; "
                            "nearest /static/ FILE"),
    "listed-host": ("www.acme.test", "/stat", "no-route",
                    "host www.acme.test: tenant acme, which lists it; no route has path /stat with GET; nearest /static/ FILE"),
    "route-host": ("api.other.test", "/v2/", "no-route",
                   "host api.other.test: no tenant; no route has path /v2/ with GET; nearest /v1/ FILE"),
    "method": ("api.other.test", "/upload", "no-route",
               "host api.other.test: no tenant; no route has path /upload with GET; /upload FILE takes POST, PUT only"),
}


@pytest.mark.parametrize("name", MISSES)
def test_why_nothing_matches(run, name):
    host, target, rule, why = MISSES[name]
    sluice = run(tenants=TENANTS, routes=ROUTES)
    with sluice.connect() as visitor:
        answer = visitor.get(target, host=host)
        assert answer.status == 404
        told = re.sub(r"\(\S*sluice\.yaml:\d+\)", "FILE", details(answer))
        assert told == f"{rule}: {why}"
        line = logged(sluice, target)
        assert line["error_rule"] == rule and line["error_details"] in details(answer)
        # A stranger is told nothing of it, and nobody looks for what is nearest.
        target += "?stranger"
        answer = visitor.get(target, "X-Forwarded-For: 192.0.2.1", host=host)
        assert details(answer) == GENERAL[404]
    assert_counted(sluice, {("downstream", rule): 2})
    wait_until(lambda: len((sluice.folder / "access.log").read_text().splitlines()) == 2, "the second line")
    line = json.loads((sluice.folder / "access.log").read_text().splitlines()[1])
    assert "nearest" not in line["error_details"] and " only" not in line["error_details"]


def test_a_path_is_no_place_for_a_script(run):
    """What is told of it stands in JSON, in HTML and in a field."""
    sluice = run(tenants=TENANTS, routes=ROUTES)
    for target in ("/&lt;script&gt;", "/" + "a&b'c" * 1_000, "/%3Cscript%3E"):
        answer = sluice.get(target, "Accept: text/html", host="x.example.com")
        assert answer.status == 404
        assert "&" not in details(answer) and len(details(answer)) < 500
        assert b"&" not in answer.body and b"<script" not in answer.body


def test_a_configured_status_says_why_as_well(run):
    sluice = run(tenants={**TENANTS, "unknown": 421}, routes=ROUTES)
    answer = sluice.get("/", host="nobody.invalid")
    assert answer.status == 421
    assert details(answer).startswith("unknown-host: ")


def test_among_thousands_of_hosts_some_are_looked_at(run):
    """And something near is found, though not in all of them."""
    items = {f"tenant-{n}": {"hosts": [f"shop-{n}.test"], "pool": "app"} for n in range(3_000)}
    sluice = run(tenants={"items": items}, routes=ROUTES)
    with sluice.connect() as visitor:
        for number in range(200):
            answer = visitor.get("/", host=f"shop-x{number}.test")
            assert details(answer).startswith(f"unknown-host: no tenant and no route has host shop-x{number}.test; nearest shop-")


# --- rules that are in no table of malformed messages --------------------------------------------------------

def body_of(size, *lines):
    return "\r\n".join(["POST /x HTTP/1.1", "Host: app.test", *lines]).encode() + b"\r\n\r\n" + b"x" * size


OTHERS = {
    "two-routes": (b"GET /%61dmin/ HTTP/1.1\r\nHost: app.test\r\n\r\n", 400),
    "bad-cdn-loop": (b'GET /x HTTP/1.1\r\nHost: app.test\r\nCDN-Loop: a; b="c\r\n\r\n', 400),
    "loop": (b"GET /x HTTP/1.1\r\nHost: app.test\r\nCDN-Loop: " + b", ".join([b"x"] * 129) + b"\r\n\r\n", 502),
    "body-size": (body_of(6, "Content-Length: 6"), 413),
    "body-cut": (body_of(3, "Content-Length: 5"), 400),
    "head-cut": (b"GET /x HTTP/1.1\r\nHost:", 400),
    "old-coding": (b"POST /x HTTP/1.0\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "host-number": (b"GET /x HTTP/1.1\r\nHost: 127.1\r\n\r\n", 400),
}


@pytest.mark.parametrize("rule", OTHERS)
def test_other_rules_are_told_too(run, rule):
    sent, status = OTHERS[rule]
    sluice = run(max={"body": "5B"}, routes=[{"path": "/admin/", "pool": "app"}, {"pool": "app"}])
    with sluice.connect() as visitor:
        visitor.send(sent)
        visitor.half_close()
        answer = visitor.response()
    assert answer.status == status
    assert details(answer).startswith(f"{rule}: ")
    assert_counted(sluice, {("downstream", rule): 1})


def test_a_chunked_body_that_is_too_long(run):
    sluice = run(max={"body": "5B"})
    with sluice.connect() as visitor:
        visitor.send(body_of(0, "Transfer-Encoding: chunked") + b"6\r\nxxxxxx\r\n0\r\n\r\n")
        answer = visitor.response()
    assert answer.status == 413 and details(answer).startswith("body-size: ")


STREAM_ERRORS = {
    "window-update": lambda s: window_update(s, 0),
    "priority-size": lambda s: frame(Kind.PRIORITY, 0, s, bytes(4)),
    "self-dependency": lambda s: priority(s, on=s),
    "more-headers": lambda s: headers(s, block([("x-a", "b")]), end=False),
    "trailer-field": lambda s: headers(s, block([("content-length", "5")])),
    "body-length": lambda s: data(s, b"abc", True),
    "after-end": lambda s: data(s, b"hello", True) + data(s, b"!"),
}


@pytest.mark.parametrize("rule", STREAM_ERRORS)
def test_what_breaks_a_stream_that_is_under_way(run, app, gate, rule):
    app.play("/held", lambda visit: gate.wait(30))
    sluice = run()
    with Http2Client(sluice["h2c"], strict=False) as visitor:
        stream = visitor.open(head("POST", "/held", "content-length: 5"), end=False)
        wait_until(lambda: app.to("/held"), "the request to arrive")
        visitor.send(STREAM_ERRORS[rule](stream))
        assert visitor.answer(stream).reset
        line = logged(sluice, "/held")
        assert (line["error"], line["error_rule"]) == ("http_request_error", rule)
        assert_counted(sluice, {("downstream", rule): 1})
        assert visitor.get("/next").status == 200


def test_a_body_that_turns_bad_behind_the_beginning_of_an_answer(run, app, gate):
    """The client has its status by then; what broke off was its own doing, and the log says so."""
    app.play("/early", lambda visit: (visit.send(ok("Content-Length: 10", body=b"hello")), visit.wait_for_close()))
    sluice = run()
    with sluice.connect() as visitor:
        visitor.send(b"POST /early HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        wait_until(lambda: b"hello" in visitor.wire.buffer or visitor.wire.fill(), "the beginning")
        visitor.send(b"0x5\r\n")
        visitor.rest()
    line = logged(sluice, "/early")
    assert (line["status"], line["error"], line["error_rule"]) == (200, "http_request_error", "bad-chunk-size")
    assert_counted(sluice, {("downstream", "bad-chunk-size"): 1})
