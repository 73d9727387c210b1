"""Requests that go round: CDN-Loop (RFC 8586) finds them, and leaves chains of proxies alone."""

import re

import pytest

from http2 import Http2Client
from ports import free_port
from sluice import config

LOOP = (502, "proxy_loop_detected")


def verdict(answer):
    """Status and error type of an answer that Sluice made."""
    found = re.search(r"error=([a-z_]+)", answer.get("Proxy-Status") or "")
    return answer.status, found and found[1]


def to(*ports, **keys):
    return config(pools={"app": {"servers": [f"127.0.0.1:{port}" for port in ports]}}, routes=[{"pool": "app"}], **keys)


def on(port):
    return {"http": f"127.0.0.1:{port}"}


def entry(request):
    """What Sluice wrote into the request's CDN-Loop."""
    return request.all("CDN-Loop")[-1]


def test_a_request_says_where_it_has_been(start, app):
    sluice = start(config(app))
    sluice.get("/x", "CDN-Loop: other; a=\"b, c\"", "CDN-Loop: third")
    first, second, own = app.last("/x").request.all("CDN-Loop")
    assert (first, second) == ('other; a="b, c"', "third")
    assert re.fullmatch(r"sluice;n=[0-9a-f]{16}", own)


def test_a_pool_that_is_the_listener_itself(start):
    port = free_port()
    sluice = start(to(port, listeners=on(port)))
    answer = sluice.get("/x")
    assert verdict(answer) == LOOP
    with sluice.connect() as client:
        assert [verdict(client.get("/x")) for _ in range(3)] == [LOOP] * 3


def test_two_that_point_at_each_other(start):
    ports = free_port(), free_port()
    first = start(to(ports[1], listeners=on(ports[0])))
    start(to(ports[0], listeners=on(ports[1])))
    assert verdict(first.get("/x")) == LOOP


def test_a_request_that_comes_back_is_refused_wherever_it_has_been_since(start, app):
    sluice = start(config(app))
    sluice.get("/x")
    own = entry(app.last("/x").request)
    asked = len(app.visits)
    for lines in ([own], [f"a, {own}"], [own.replace("sluice", "SLUICE")], ["a", f"b;c=d,{own}, e"],
                  [own.replace(";", " ; ")]):
        assert verdict(sluice.get("/x", *(f"CDN-Loop: {line}" for line in lines))) == LOOP
    assert verdict(sluice.get("/x", f"CDN-Loop: {own}", "Connection: CDN-Loop, close")) == LOOP
    assert verdict(sluice.get("/x", f"cdn-loop: {own}", "Content-Length: 2")) == LOOP
    assert len(app.visits) == asked


def test_http2_is_no_way_round(start, app):
    sluice = start(config(app, listeners={"http": "127.0.0.1:0", "h2": {"address": "127.0.0.1:0", "protocols": ["h2c"]}}))
    client = Http2Client(sluice["h2"])
    assert client.get("/x", authority="app.test").status == 200
    own = entry(app.last("/x").request)
    answer = client.get("/x", ("cdn-loop", own), authority="app.test")
    client.sock.close()
    assert answer.status == 502


def test_a_chain_is_no_loop(start, app):
    last = start(config(app))
    for _ in range(2):
        last = start(to(last["http"].rpartition(":")[2]))
    assert last.get("/x").status == 200
    assert len(app.last("/x").request.all("CDN-Loop")) == 3


def test_back_by_another_listener_or_for_another_host_is_no_loop(start, app):
    inner = free_port()
    sluice = start(config(
        listeners={"http": "127.0.0.1:0", "inner": f"127.0.0.1:{inner}"},
        pools={"app": {"servers": [app.address]}, "again": {"servers": [f"127.0.0.1:{inner}"]}},
        routes=[{"methods": ["GET"], "pool": "again"}, {"pool": "app"}]))
    with sluice.connect("inner") as client:
        client.request("POST", "/x", body=b"hello")
        own = entry(app.last("/x").request)
    assert verdict(sluice.get("/x")) == LOOP  # the inner one asks itself
    with sluice.connect() as client:
        assert client.request("POST", "/x", f"CDN-Loop: {own}", body=b"hello").status == 200
    with sluice.connect("inner") as client:
        assert client.request("POST", "/x", f"CDN-Loop: {own}", host="other.test", body=b"hello").status == 200


def test_a_chain_of_many_is_one(start, app):
    sluice = start(config(app))
    seven = [f"CDN-Loop: sluice;n={i}, other" for i in range(7)]
    assert sluice.get("/x", *seven).status == 200
    assert verdict(sluice.get("/x", *seven, "CDN-Loop: Sluice")) == LOOP
    assert sluice.get("/x", "CDN-Loop: " + ",".join("abcdefgh" * 4)).status == 200
    assert verdict(sluice.get("/x", "CDN-Loop: " + ",".join("abcdefgh" * 4), "CDN-Loop: z")) == LOOP


@pytest.mark.parametrize("value", ['a;b="', '"', "a b", ";", 'a;b="c"d', "," * 1000, "a" + ";b=c" * 1000])
def test_a_malformed_list_is_refused(start, app, value):
    sluice = start(config(app))
    assert verdict(sluice.get("/x", f"CDN-Loop: {value}")) == (400, "http_request_error")
    assert not app.visits


def test_the_name_can_be_chosen_and_kept_to_oneself(start, app):
    sluice = start(config(app, cdn_loop="edge-1.example:443"))
    sluice.get("/x", "CDN-Loop: sluice")
    own = entry(app.last("/x").request)
    assert own.startswith("edge-1.example:443;n=")
    assert verdict(sluice.get("/x", f"CDN-Loop: {own}")) == LOOP
    assert sluice.reload(config(app, cdn_loop="off")).returncode == 0
    assert sluice.get("/x", f"CDN-Loop: {own}", 'CDN-Loop: a;b="').status == 200
    assert app.last("/x").request.all("CDN-Loop") == [own, 'a;b="']
