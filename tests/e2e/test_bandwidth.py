"""Response bodies that go no faster than a limit on bytes lets them.

Time decides nothing but this: so many bytes may not come sooner than their rate allows. What is not to be paced is
tried at a rate of a byte an hour.
"""

import threading
import time

import pytest

from certs import entry
from client import RawClient, trusting
from http2 import Http2Client, head, rst_stream
from sluice import config
from waiting import wait_until

KIB = 1024
RATE, BURST, SIZE = 64 * KIB, 32 * KIB, 96 * KIB
SLOWEST = {"bytes": "1B/h", "burst": "1B", "key": "response"}
BODY = bytes(i % 251 for i in range(SIZE))


def settings(app, limit, authority=None, **keys):
    listeners = {"http": "127.0.0.1:0", "h2c": {"address": "127.0.0.1:0", "protocols": ["h2c"]}}
    whole = {**config(app), "listeners": listeners, "limits": {"pace": limit},
             "routes": [{"pool": "app", "path": "/free"}, {"pool": "app", "limits": ["pace"]}]}
    if authority:
        listeners["https"] = {"address": "127.0.0.1:0", "tls": True}
        whole["tls"] = {"certificates": [entry(authority.leaf("app.test"))]}
    return {**whole, **keys}


def paced(key="response", rate=RATE, burst=BURST):
    return {"bytes": f"{rate}B/s", "burst": f"{burst}B", "key": key}


def least(size, rate=RATE, burst=BURST):
    """Seconds that `size` bytes must take."""
    return (size - burst) / rate


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("wire", ["http", "http/1.0", "https", "h2c"])
def test_no_faster_than_its_rate(start, apps, authority, wire, framing):
    app = apps()

    def script(visit):
        if framing == "close":
            visit.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + BODY)
            visit.close()
        else:
            visit.reply(body=BODY, chunked=framing == "chunked")

    app.play("/", script)
    sluice = start(settings(app, paced(), authority))
    began = time.monotonic()
    if wire == "h2c":
        with Http2Client(sluice["h2c"]) as client:
            answer = client.get("/")
            length = answer.get("content-length")
    else:
        tls = {"tls": trusting(), "server_name": "app.test"} if wire == "https" else {}
        with RawClient(sluice["https" if tls else "http"], **tls) as client:
            version = "1.0" if wire == "http/1.0" else "1.1"
            client.send(f"GET / HTTP/{version}\r\nHost: app.test\r\n\r\n".encode())
            answer = client.response()
            length = answer.get("Content-Length")
    took = time.monotonic() - began
    assert answer.body == BODY
    assert length == (str(SIZE) if framing == "length" else None)
    assert took >= least(SIZE)


@pytest.mark.parametrize("listener", ["http", "h2c"])
def test_responses_with_one_key_share_its_rate(start, apps, listener):
    app = apps()
    app.play("/", lambda visit: visit.reply(body=BODY))
    sluice = start(settings(app, paced(key="host")))
    done, errors = [], []

    def fetch():
        try:
            if listener == "h2c":
                with Http2Client(sluice["h2c"]) as client:
                    assert client.get("/").body == BODY
            else:
                assert sluice.get().body == BODY
            done.append(time.monotonic())
        except Exception as error:  # pylint: disable=broad-except
            errors.append(error)

    began = time.monotonic()
    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for count, end in enumerate(sorted(done), 1):
        assert end - began >= least(SIZE * count)


def test_neither_of_two_waits_for_the_other(start, apps):
    app = apps()
    app.play("/", lambda visit: visit.reply(body=BODY))
    sluice = start(settings(app, paced(key="client_ip", burst=KIB)))
    got = [0, 0]
    when_first_ended = []

    def fetch(which):
        with sluice.connect() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n")
            while piece := client.sock.recv(65536):
                got[which] += len(piece)
            when_first_ended.append(min(got))

    threads = [threading.Thread(target=fetch, args=(which,)) for which in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert when_first_ended[0] >= SIZE / 2
    assert min(got) > SIZE


def test_of_several_the_slowest_rules(start, apps):
    app = apps()
    app.play("/", lambda visit: visit.reply(body=BODY))
    whole = settings(app, paced(key="host"))
    whole["limits"]["fast"] = paced(rate=100 * RATE)
    whole["routes"][1]["limits"] = ["fast", "pace"]
    sluice = start(whole)
    began = time.monotonic()
    assert sluice.get().body == BODY
    assert time.monotonic() - began >= least(SIZE)


def test_a_slow_rate_is_nobodys_slowness(start, apps):
    """Neither the client, who is sent little, nor the server, who is not read from, is given up for it."""
    app = apps()
    body = BODY * 3
    app.play("/", lambda visit: visit.reply(body=body))
    sluice = start(settings(app, paced(rate=128 * KIB), timeouts={"body": "300ms", "drain": "2s"}))
    for listener in ("http", "h2c"):
        if listener == "http":
            assert sluice.get().body == body
        else:
            with Http2Client(sluice["h2c"]) as client:
                assert client.get("/").body == body


@pytest.mark.parametrize("how", ["close", "reset", "h2 stream", "h2 connection"])
@pytest.mark.parametrize("limit", [SLOWEST, {**SLOWEST, "key": "host"}])
def test_a_client_that_vanishes_is_not_waited_for(start, apps, limit, how):
    app = apps()
    left = threading.Event()

    def script(visit):
        visit.reply(body=BODY)
        visit.wait_for_close()
        left.set()

    app.play("/", script)
    sluice = start(settings(app, limit))
    if how.startswith("h2"):
        client = Http2Client(sluice["h2c"])
        stream = client.open(head())
        client.status(stream)
        if how == "h2 stream":
            client.send(rst_stream(stream))
        else:
            client.close()
    else:
        client = sluice.connect()
        client.send(b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
        assert client.sock.recv(10)
        if how == "reset":
            client.reset()
        else:
            client.close()
    # One that only closed may still read on: it is what it is sent next that tells.
    assert left.wait(20), "the server is still being read from"
    client.close()


def test_the_process_ends_while_responses_wait(start, apps):
    app = apps()
    app.play("/", lambda visit: visit.reply(body=BODY))
    sluice = start(settings(app, SLOWEST, timeouts={"drain": "100ms"}))
    clients = [sluice.connect() for _ in range(8)]
    for client in clients:
        client.send(b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
        assert client.sock.recv(10)
    with Http2Client(sluice["h2c"]) as other:
        other.status(other.open(head()))
        sluice.stop()
    for client in clients:
        client.close()


def test_an_answer_of_our_own_is_paced_and_ends_with_the_process(start, apps):
    app = apps()
    app.refuse()
    sluice = start(settings(app, SLOWEST, timeouts={"drain": "100ms"}))
    with sluice.connect() as client, sluice.connect() as gone:
        for one in (client, gone):
            one.send(b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
            assert one.sock.recv(12) == b"HTTP/1.1 502"
        gone.reset()
        sluice.stop()


def test_a_download_ends_as_it_began_when_a_reload_comes(start, apps):
    app = apps()
    app.play("/", lambda visit: visit.reply(body=BODY))
    sluice = start(settings(app, paced()))
    began = time.monotonic()
    with sluice.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
        app.wait_visits(1)
        assert sluice.reload({**settings(app, SLOWEST)}).returncode == 0
        answer = client.response()
    assert answer.body == BODY
    assert time.monotonic() - began >= least(SIZE)


def test_what_has_no_body_waits_for_nothing(start, apps):
    app = apps()
    app.play("/head", lambda visit: visit.reply(body=BODY))
    app.play("/204", lambda visit: visit.reply(204))
    app.play("/304", lambda visit: visit.reply(304))
    app.play("/empty", lambda visit: visit.reply(body=b""))
    sluice = start(settings(app, {**SLOWEST, "key": "host"}))
    with sluice.connect() as client:
        answer = client.request("HEAD", "/head")
        assert (answer.status, answer.get("Content-Length")) == (200, str(SIZE))
        assert [client.get(path).status for path in ("/204", "/304", "/empty", "/204")] == [204, 304, 200, 204]
    with Http2Client(sluice["h2c"]) as client:
        answer = client.request("HEAD", "/head")
        assert (answer.status, answer.get("content-length")) == (200, str(SIZE))
        assert [client.get(path).status for path in ("/204", "/304", "/empty")] == [204, 304, 200]


@pytest.mark.parametrize("free", [{"exempt": {"headers": {"X-Internal": "yes"}}}, {"match": {"path": "/other/"}},
                                  {"match": {"methods": ["POST"]}}])
def test_who_is_not_meant_is_not_paced(start, apps, free):
    app = apps()
    app.play("/", lambda visit: visit.reply(body=BODY))
    sluice = start(settings(app, {**SLOWEST, **free}))
    assert sluice.get("/", "X-Internal: yes").body == BODY


def test_other_routes_are_not_paced(start, apps):
    app = apps()
    app.play("/free", lambda visit: visit.reply(body=BODY))
    sluice = start(settings(app, {**SLOWEST, "key": "host"}))
    assert sluice.get("/free").body == BODY


def test_trailers_come_behind_a_paced_body(start, apps):
    app = apps()
    body = BODY[:40 * KIB]
    app.play("/", lambda visit: visit.reply(body=body, chunked=True, trailers="X-Sum: 7\r\n"))
    sluice = start(settings(app, paced()))
    answer = sluice.get("/", "TE: trailers")
    assert answer.body == body
    with Http2Client(sluice["h2c"]) as client:
        answer = client.get("/", "te: trailers")
        assert answer.body == body


def test_events_come_when_they_are_said(start, apps, gate):
    """A limit with room holds nothing back until there is more."""
    app = apps()

    def script(visit):
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        visit.send(b"9\r\ndata: 1\n\n\r\n")
        gate.wait()
        visit.send(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

    app.play("/", script)
    sluice = start(settings(app, paced()))
    with sluice.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
        heard = b""
        while b"data: 1\n\n" not in heard:
            heard += client.sock.recv(1000)
        gate.set()
        while b"data: 2\n\n" not in heard:
            heard += client.sock.recv(1000)


def test_tunnels_are_not_paced(start, apps):
    app = apps()

    def script(visit):
        visit.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        visit.send(BODY)
        visit.close()

    app.play("/", script)
    sluice = start(settings(app, SLOWEST))
    with sluice.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: app.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
                    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        assert client.response().status == 101
        assert client.rest() == BODY
    wait_until(lambda: not app.open_connections, "the tunnel to end")
