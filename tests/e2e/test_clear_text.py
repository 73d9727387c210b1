"""Clear text at a port that speaks TLS is told so; TLS at a port in the clear is refused at once."""

import json
import ssl

import pytest

from certs import entry
from client import RawClient, trusting
from http2 import PREFACE, settings
from peers import curl
from sluice import config

TLS = {"address": "127.0.0.1:0", "tls": True}
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)
GET = b"GET /x?y HTTP/1.1\r\nHost: %s\r\n\r\n"


@pytest.fixture
def edge(start, app, authority):
    def run(**more):
        return start(config(app, listeners={"https": TLS, **more}, tls={"certificates": [entry(authority.leaf("app.test"))]}))
    yield run


@pytest.fixture
def alone(edge):
    """Nothing but TLS."""
    return edge()


@pytest.fixture
def beside(edge):
    """Beside a listener that sends people to https."""
    return edge(http={"address": "127.0.0.1:0", "redirect": "https"})


def still_serves(sluice):
    with RawClient(sluice["https"], tls=trusting(), server_name="app.test") as visitor:
        assert visitor.get().status == 200


REQUESTS = {
    "get": GET % b"app.test",
    "post": b"POST /x HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\n\r\nhello",
    "purge": b"PURGE /x HTTP/1.1\r\nHost: app.test\r\n\r\n",
    "connect": b"CONNECT app.test:443 HTTP/1.1\r\nHost: app.test:443\r\n\r\n",
    "old": b"GET / HTTP/1.0\r\n\r\n",
    "malformed": b"GET /x HTTP/1.1\r\nHost: app.test\r\nHost: evil.test\r\n\r\n",
    "h2-preface": PREFACE + settings(),
    "two": GET % b"app.test" + GET % b"app.test",
}


@pytest.mark.parametrize("request_bytes", REQUESTS.values(), ids=REQUESTS)
def test_it_is_said_in_words(alone, app, request_bytes):
    with RawClient(alone["https"]) as visitor:
        visitor.send(request_bytes)
        answer = visitor.response()
        assert (answer.status, answer.keeps_alive) == (400, False)
        assert answer.get("Date") and answer.get("X-Request-ID")
        assert answer.get("Proxy-Status").startswith("sluice; error=http_request_error;")
        assert json.loads(answer.body)["message"].startswith("clear-text: clear text came to a port that speaks TLS")
        visitor.half_close()
        visitor.closed_cleanly()
    assert not app.visits
    still_serves(alone)


def test_people_are_told_in_html(alone):
    with RawClient(alone["https"]) as visitor:
        answer = visitor.get("/x", "Accept: text/html")
        assert answer.status == 400 and answer.body.startswith(b"<!doctype html>") and b"TLS" in answer.body


def test_curl_shows_it(alone):
    done = curl("--http1.1", f"http://{alone['https']}/x")
    assert "TLS" in done.stdout


def test_byte_by_byte(alone):
    with RawClient(alone["https"]) as visitor:
        for byte in GET % b"app.test":
            visitor.send(bytes([byte]))
        assert visitor.response().status == 400
        visitor.closed_cleanly()


@pytest.mark.parametrize("noise", [b"\0\0\0\0", b"SSH-2.0-OpenSSH_9.2\r\n", b"get / HTTP/1.1\r\n\r\n", b"\r\n" + GET % b"app.test",
                                   b"{}", b"\x16\x03\x01\x00\x02hi", b"GET", b"G", b"", b"A" * 100_000, b"GET /" + b"x" * 40_000],
                         ids=lambda noise: str(noise[:12]))
def test_what_is_neither_is_closed_without_a_word(alone, app, noise):
    with RawClient(alone["https"]) as visitor:
        visitor.try_send(noise)
        visitor.half_close()
        rest = visitor.rest()
        assert not rest.startswith(b"HTTP/"), rest
    assert not app.visits
    still_serves(alone)


def test_a_head_that_never_ends_is_bounded(start, app, authority):
    sluice = start(config(app, listeners={"https": TLS}, timeouts={"header": "300ms"},
                          tls={"certificates": [entry(authority.leaf("app.test"))]}))
    for begun in (b"GET /x HT", b"GET /x HTTP/1.1\r\nHost: app.test\r\n"):
        with RawClient(sluice["https"]) as visitor:
            visitor.send(begun)
            assert visitor.rest()[:12] in (b"", b"HTTP/1.1 400")
    assert not app.visits


@pytest.mark.parametrize("host", ["app.test", "app.test:{port}", "APP.test"])
def test_where_others_are_sent_to_https_so_are_they(beside, app, host):
    port = beside["https"].rpartition(":")[2]
    with RawClient(beside["https"]) as visitor:
        visitor.send(GET % host.format(port=port).encode())
        answer = visitor.response()
        assert (answer.status, answer.keeps_alive) == (308, False)
        assert answer.get("Location").lower() == f"https://{host.format(port=port).lower()}/x?y"
        visitor.closed_cleanly()
    assert not app.visits


@pytest.mark.parametrize("request_bytes", [b"GET / HTTP/1.0\r\n\r\n", GET % b"a b", GET % b"evil.test/", PREFACE,
                                           b"GET /\x01 HTTP/1.1\r\nHost: app.test\r\n\r\n",
                                           b"GET /../x HTTP/1.1\r\nHost: app.test\r\n\r\n",
                                           b"GET / HTTP/1.1\r\nHost: app.test\r\nHost: evil.test\r\n\r\n"])
def test_nobody_is_sent_where_he_did_not_ask_for(beside, request_bytes):
    with RawClient(beside["https"]) as visitor:
        visitor.send(request_bytes)
        answer = visitor.response()
        assert answer.status == 400 and not answer.all("Location")


# --- the other way round ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("protocols", [["http/1.1"], ["h2c"]])
def test_tls_at_a_port_in_the_clear_fails_at_once(start, app, protocols):
    sluice = start(config(app, listeners={"http": {"address": "127.0.0.1:0", "protocols": protocols}}))
    with pytest.raises(ssl.SSLError):
        RawClient(sluice["http"], tls=trusting(), server_name="app.test")
    with RawClient(sluice["http"]) as visitor:
        visitor.send(HELLO)
        visitor.rest()
    assert not app.visits
