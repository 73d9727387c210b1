"""How long a request's body may be: the most specific bound holds, be it larger or smaller."""

import pytest

from http2 import Http2Client
from sluice import config, pool
from wire import chunks

KIB = 1024
FRAMINGS = ["length", "chunked", "h2 length", "h2"]


def settings(app, **keys):
    return {**config(app),
            "max": {"body": "2KiB"},
            "listeners": {"http": {"address": "127.0.0.1:0", "max": {"body": "1KiB"}},
                          "wide": "127.0.0.1:0",
                          "h2c": {"address": "127.0.0.1:0", "protocols": ["h2c"], "max": {"body": "1KiB"}}},
            "routes": [{"pool": "app", "path": "/large/", "max": {"body": "256KiB"}},
                       {"pool": "app", "path": "/small/", "max": {"body": "100B"}},
                       {"pool": "app", "path": "/any/", "max": {"body": 0}},
                       {"pool": "app"}],
            **keys}


def send(sluice, path, size, framing, host="app.test", listener="http"):
    """The status that a body of `size` bytes gets."""
    body = b"x" * size
    if framing.startswith("h2"):
        with Http2Client(sluice["h2c"]) as client:
            length = [f"content-length: {size}"] if framing == "h2 length" else []
            return client.request("POST", path, *length, body=body, authority=host).status
    with sluice.connect(listener) as client:
        fields = f"Content-Length: {size}" if framing == "length" else "Transfer-Encoding: chunked"
        client.send(f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n\r\n".encode())
        client.try_send(body if framing == "length" else chunks(*[body[i:i + 50] for i in range(0, size, 50)]))
        return client.response("POST").status


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("path,most", [("/", KIB), ("/large/", 256 * KIB), ("/small/", 100)])
def test_the_routes_bound_goes_before_the_listeners(start, apps, framing, path, most):
    app = apps()
    sluice = start(settings(app))
    assert send(sluice, path, most, framing) == 200
    assert len(app.last(path).request.body) == most
    assert send(sluice, path, most + 1, framing) == 413
    whole = [visit for visit in app.to(path) if visit.request.complete and len(visit.request.body) > most]
    assert not whole


@pytest.mark.parametrize("framing", FRAMINGS)
def test_no_bound_at_all(start, apps, framing):
    app = apps()
    sluice = start(settings(app))
    assert send(sluice, "/any/", 512 * KIB, framing) == 200
    assert len(app.last("/any/").request.body) == 512 * KIB


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_listener_without_a_bound_has_the_process_bound(start, apps, framing):
    sluice = start(settings(apps()))
    assert send(sluice, "/", 2 * KIB, framing, listener="wide") == 200
    assert send(sluice, "/", 2 * KIB + 1, framing, listener="wide") == 413


@pytest.mark.parametrize("framing", FRAMINGS)
def test_tenants_have_bounds_of_their_own(start, apps, framing):
    app = apps()
    sluice = start(settings(app, tenants={
        "from_host": "{tenant}.app.test",
        "defaults": {"pool": "app", "max": {"body": "3KiB"}},
        "items": {"acme": {"max": {"body": "20KiB"}}, "tiny": {"max": {"body": "10B"}}}}))
    for tenant, most in (("other", 3 * KIB), ("acme", 20 * KIB), ("tiny", 10)):
        host = f"{tenant}.app.test"
        assert send(sluice, "/", most, framing, host=host) == 200
        assert send(sluice, "/", most + 1, framing, host=host) == 413
        # A common route has its own word.
        assert send(sluice, "/small/", 101, framing, host=host) == 413
        assert send(sluice, "/large/", 200 * KIB, framing, host=host) == 200


def test_what_is_announced_too_long_asks_nobody_and_gets_no_100(start, apps):
    app = apps()
    sluice = start(settings(app))
    with sluice.connect() as client:
        client.send(b"PUT /small/ HTTP/1.1\r\nHost: app.test\r\nContent-Length: 101\r\nExpect: 100-continue\r\n\r\n")
        answer = client.response("PUT", interim=True)
        assert answer.status == 413
        assert client.closed_cleanly()
    assert not app.visits


def test_a_body_beyond_the_listeners_bound_is_continued(start, apps):
    app = apps()

    def script(visit):
        visit.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        visit.body()
        visit.reply(body=b"thanks")

    app.play("/large/", script)
    sluice = start(settings(app))
    with sluice.connect() as client:
        client.send(b"PUT /large/ HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n")
        assert client.response("PUT", interim=True).status == 100
        client.send(b"x" * 5000)
        assert client.response("PUT").body == b"thanks"
        assert client.get("/").status == 200  # the connection goes on


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_is_sent_again_within_its_bound(start, apps, framing):
    """A server that breaks off is followed by another one, which gets all of it."""
    bad, good = apps(), apps()
    bad.play("/large/", lambda visit: (visit.body(), visit.reset()))
    whole = settings(good)
    whole["pools"] = {"app": {**pool(bad, good), "retry": {"attempts": 2, "on": ["reset"], "body": "64KiB"}}}
    sluice = start(whole)
    for _ in range(4):
        with sluice.connect() as client:
            body = b"y" * 30_000
            fields = b"Content-Length: 30000" if framing == "length" else b"Transfer-Encoding: chunked"
            client.send(b"PUT /large/ HTTP/1.1\r\nHost: app.test\r\n" + fields + b"\r\n\r\n"
                        + (body if framing == "length" else chunks(body)))
            assert client.response("PUT").status == 200
        assert good.last("/large/").request.body == body
    assert bad.to("/large/")
