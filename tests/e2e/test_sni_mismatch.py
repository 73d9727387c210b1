"""HTTP/1.1 under TLS: a Host that another certificate covers than the one that was shown (RFC 9110 §7.4)."""

import json
import ssl

import pytest

from certs import entry
from client import RawClient, trusting
from http2 import Http2Client
from peers import curl
from sluice import config


def tls_config(app, *leaves, mismatch=None, **keys):
    listener = {"address": "127.0.0.1:0", "tls": True, **({"sni_mismatch": mismatch} if mismatch else {})}
    return config(app, listeners={"https": listener, "http": "127.0.0.1:0"},
                  tls={"certificates": [entry(leaf) for leaf in leaves]}, **keys)


@pytest.fixture
def leaves(authority):
    """The first is for who asks for no name of ours."""
    return authority.leaf("*.example.com", "example.com"), authority.leaf("www.acme.test"), authority.leaf("one.test", "two.test")


@pytest.fixture
def edge(start, app, leaves, tmp_path):
    return start(tls_config(app, *leaves, log={"access": str(tmp_path / "access")}))


def visit(edge, name, **how):
    return RawClient(edge["https"], tls=trusting(alpn=["http/1.1"], **how), server_name=name)


SERVED = {
    "the-name-asked-for": ("www.acme.test", "www.acme.test"),
    "with-port": ("www.acme.test", "www.acme.test:8443"),
    "other-case": ("www.acme.test", "WWW.Acme.TEST"),
    "with-a-dot": ("www.acme.test", "www.acme.test."),
    "covered-too": ("one.test", "two.test"),
    "below-the-wildcard": ("a.example.com", "b.example.com"),
    "nobodys": ("www.acme.test", "nobody.test"),
    "nobodys-below": ("www.acme.test", "x.y.example.com"),
    "address": ("www.acme.test", "127.0.0.1"),
    "address-of-six": ("www.acme.test", "[::1]"),
    "no-name-asked-for": (None, "b.example.com"),
    "no-name-and-an-address": (None, "127.0.0.1"),
    "no-name-and-nobodys": (None, "nobody.test"),
    "unknown-name-asked-for": ("unknown.test", "unknown.test"),
    "unknown-name-and-the-one-shown": ("unknown.test", "example.com"),
}


@pytest.mark.parametrize("name", SERVED)
def test_served(edge, app, name):
    asked, host = SERVED[name]
    with visit(edge, asked) as visitor:
        assert [visitor.get("/x", host=host).status for _ in range(2)] == [200, 200]
    assert app.last("/x").request.get("Host") == host


MISDIRECTED = {
    "another-site": ("a.example.com", "www.acme.test"),
    "the-other-way": ("www.acme.test", "a.example.com"),
    "in-capitals": ("www.acme.test", "A.EXAMPLE.COM"),
    "with-port": ("www.acme.test", "one.test:443"),
    "no-name-asked-for": (None, "www.acme.test"),
    "unknown-name-asked-for": ("unknown.test", "one.test"),
}


@pytest.mark.parametrize("name", MISDIRECTED)
def test_misdirected(edge, app, name, tmp_path):
    asked, host = MISDIRECTED[name]
    with visit(edge, asked) as visitor:
        own = asked if asked in ("a.example.com", "www.acme.test") else "example.com"
        assert visitor.get("/own", host=own).status == 200
        answer = visitor.request("POST", "/x", body=b"hello", host=host)
        assert (answer.status, answer.get("Connection")) == (421, "close")
        assert "http_request_error" in answer.get("Proxy-Status")
        assert visitor.closed_cleanly()
    assert [v.request.path for v in app.visits] == ["/own"]
    edge.stop()
    lines = [json.loads(line) for line in (tmp_path / "access").read_text().splitlines()]
    assert [(line["status"], line.get("sni")) for line in lines] == [(200, asked), (421, asked)]


def test_by_the_target_too(edge, app):
    with visit(edge, "www.acme.test") as visitor:
        visitor.send(b"GET https://one.test/x HTTP/1.1\r\nHost: one.test\r\n\r\n")
        assert visitor.response().status == 421
    assert not app.visits


def test_behind_a_pipelined_request(edge, app):
    with visit(edge, "www.acme.test") as visitor:
        visitor.send(b"GET /1 HTTP/1.1\r\nHost: www.acme.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: one.test\r\n\r\n"
                     b"GET /3 HTTP/1.1\r\nHost: www.acme.test\r\n\r\n")
        assert [visitor.response().status for _ in range(2)] == [200, 421]
        assert visitor.rest() == b""
    assert [v.request.path for v in app.visits] == ["/1"]


def test_without_a_host(edge):
    """HTTP/1.0 may leave it out."""
    with visit(edge, "www.acme.test") as visitor:
        visitor.send(b"GET / HTTP/1.0\r\n\r\n")
        assert visitor.response().status == 200


def test_allowed_where_the_listener_says_so(start, app, leaves):
    sluice = start(tls_config(app, *leaves, mismatch="allow"))
    with visit(sluice, "a.example.com") as visitor:
        assert [visitor.get(host=host).status for host in ("www.acme.test", "a.example.com", "one.test")] == [200] * 3
    with Http2Client(sluice["https"], tls=trusting(alpn=["h2"]), server_name="a.example.com") as visitor:
        assert visitor.get(authority="www.acme.test").status == 421, "it is a word for HTTP/1.1"


def test_a_reload_changes_it_for_open_connections(start, app, leaves):
    sluice = start(tls_config(app, *leaves))
    with visit(sluice, "a.example.com") as visitor:
        assert visitor.get(host="nobody.test").status == 200
        assert sluice.hang_up(tls_config(app, *leaves, mismatch="allow")) == "applied"
        assert visitor.get(host="www.acme.test").status == 200
        assert sluice.hang_up(tls_config(app, *leaves, mismatch="refuse")) == "applied"
        assert visitor.get(host="www.acme.test").status == 421


def test_a_host_that_gets_a_certificate(start, app, authority, leaves):
    """Nobody's host of a moment ago is somebody's now."""
    sluice = start(tls_config(app, *leaves))
    with visit(sluice, "a.example.com") as visitor:
        assert visitor.get(host="new.test").status == 200
        assert sluice.hang_up(tls_config(app, *leaves, authority.leaf("new.test"))) == "applied"
        assert visitor.get(host="a.example.com").status == 200
        assert visitor.get(host="new.test").status == 421


def test_one_certificate_for_everything(start, app, authority):
    """As behind a self-signed one: there is no other site to mistake it for."""
    sluice = start(tls_config(app, authority.leaf("localhost")))
    for asked in ("localhost", "anything.test", None):
        with visit(sluice, asked) as visitor:
            assert [visitor.get(host=host).status for host in ("localhost", "127.0.0.1", "other.test")] == [200] * 3


def test_in_the_clear_nothing_is_asked(edge):
    with RawClient(edge["http"]) as visitor:
        assert [visitor.get(host=host).status for host in ("www.acme.test", "one.test", "example.com")] == [200] * 3


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_on_a_resumed_connection(edge, version):
    context = trusting(minimum_version=version, maximum_version=version)
    session = None
    for resumed in (False, True, True):
        with RawClient(edge["https"], tls=context, server_name="one.test", session=session) as visitor:
            assert visitor.sock.session_reused == resumed
            assert [visitor.get(host=host).status for host in ("one.test", "two.test", "nobody.test")] == [200] * 3
            session = visitor.sock.session
            assert visitor.get(host="www.acme.test").status == 421


def test_curl_asks_for_another_host(edge):
    port = edge["https"].rpartition(":")[2]
    done = curl("-k", "--http1.1", "--resolve", f"one.test:{port}:127.0.0.1", "-H", "Host: www.acme.test", "-w", "%{http_code}",
                "-o", "/dev/null", f"https://one.test:{port}/")
    assert done.stdout == "421", done.stderr
