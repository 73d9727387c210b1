"""How far HTTP/2 peers may send ahead: as far as they are away, and as memory allows.

Judged by the windows that Sluice opens, not by the time that something takes.
"""

import pytest

from http2 import MAX_FRAME, WINDOW, Http2Client, Kind, data, head
from relay import Relay
from sluice import config, pool
from upstream import ScriptedUpstream
from waiting import PATIENCE

MIB = 1 << 20
LARGE = 20 * MIB
DELAY = 0.05  # each way
LISTENERS = {"http": "127.0.0.1:0", "h2c": {"address": "127.0.0.1:0", "protocols": ["h2c"]}}


def edge(*servers, windows="256MiB", **keys):
    return config(workers=1, listeners=LISTENERS, pools={"app": pool(*servers, **keys)}, routes=[{"pool": "app"}],
                  max={"http2_windows": windows})


@pytest.fixture
def far():
    """far(address): the same from far away."""
    relays = []

    def away(address):
        relays.append(Relay(address, DELAY))
        return relays[-1]

    yield away
    for relay in relays:
        relay.close()


def begin(visitor, *fields, path="/up"):
    return visitor.open(head("POST", path, *fields), end=False)


def send_what_may_be_sent(visitor, stream, most=LARGE):
    """Returns how much that was."""
    answer = visitor.answers[stream]
    count = min(answer.send_window, visitor.send_window, most)
    visitor.send(*(data(stream, bytes(min(MAX_FRAME, count - at))) for at in range(0, count, MAX_FRAME)))
    return count


def wait_for_window(visitor, stream, count):
    visitor.until(lambda: visitor.answers[stream].send_window >= count, f"a window of {count} for stream {stream}")


# --- uploads -------------------------------------------------------------------------------------------------

def test_an_upload_from_far_is_granted_its_length_at_once(start, app, far):
    sluice = start(edge(app))
    with Http2Client(far(sluice["h2c"]).address) as visitor:
        stream = begin(visitor, f"content-length: {LARGE}")
        sent = send_what_may_be_sent(visitor, stream)
        assert sent == WINDOW
        # A round trip later, without another byte: more would have been two.
        wait_for_window(visitor, stream, LARGE - 2 * WINDOW)
        assert visitor.answers[stream].send_window <= LARGE, "more than the body needs"
        visitor.upload(stream, bytes(LARGE - sent))
        assert visitor.answer(stream).status == 200
    assert len(app.last("/up").request.body) == LARGE


def test_an_upload_of_unknown_length_too(start, app, far):
    sluice = start(edge(app))
    with Http2Client(far(sluice["h2c"]).address) as visitor:
        stream = begin(visitor)
        send_what_may_be_sent(visitor, stream)
        wait_for_window(visitor, stream, LARGE)
        visitor.send(data(stream, b"", end=True))
        assert visitor.answer(stream).status == 200


def test_eight_uploads_on_one_connection(start, app, far):
    sluice = start(edge(app))
    with Http2Client(far(sluice["h2c"]).address) as visitor:
        streams = [begin(visitor, f"content-length: {LARGE}") for _ in range(8)]
        for stream in streams:
            send_what_may_be_sent(visitor, stream)
        for stream in streams:
            wait_for_window(visitor, stream, LARGE - 2 * WINDOW)
        assert visitor.send_window > 8 * LARGE, "the connection holds up its streams"


def test_small_requests_cost_no_frame(start, app):
    sluice = start(edge(app))
    with Http2Client(sluice["h2c"]) as visitor:
        for size in (1, 1_000, 16_000, 30_000):
            for _ in range(5):
                assert visitor.request("POST", "/small", f"content-length: {size}", body=bytes(size)).status == 200
                assert visitor.get("/small").status == 200
        assert not [f for f in visitor.frames if f.kind == Kind.PING or (f.kind == Kind.WINDOW_UPDATE and f.stream)]


def test_round_trips_are_measured_while_a_large_body_moves_and_only_then(start, app, far):
    sluice = start(edge(app))
    with Http2Client(far(sluice["h2c"]).address) as visitor:
        stream = begin(visitor)
        send_what_may_be_sent(visitor, stream)
        visitor.wait_frame(lambda f: f.kind == Kind.PING and not f.is_ack, "a PING")
        visitor.send(data(stream, b"", end=True))
        assert visitor.answer(stream).status == 200
        before = len(visitor.frames)
        for _ in range(20):
            assert visitor.get("/small").status == 200
        assert not [f for f in visitor.frames[before:] if f.kind == Kind.PING]


# --- memory --------------------------------------------------------------------------------------------------

def fill(visitor, streams):
    """Sends on all of them until no more is let through; returns how much that was."""
    sent = rests = 0
    while rests < 3:
        count = sum(send_what_may_be_sent(visitor, stream, MIB) for stream in streams)
        sent += count
        rests = 0 if count else rests + 1
        visitor.sync()
    return sent


def test_servers_that_read_nothing_hold_no_more_than_the_budget(start, far, gate, tmp_path):
    """Eight stalled uploads; other streams go on, and what they held is there again when they are over."""
    app = ScriptedUpstream(bind=f"unix:{tmp_path}/app")  # whose buffers in the kernel are small
    app.play("/stalled", lambda v: (gate.wait(PATIENCE), v.body(), v.reply(body=b"at last")))
    try:
        sluice = start(edge(app, windows="8MiB"))
        with Http2Client(far(sluice["h2c"]).address) as visitor:
            streams = [begin(visitor, path="/stalled") for _ in range(8)]
            sent = fill(visitor, streams)
            assert 4 * MIB < sent < 8 * MIB + 8 * (WINDOW + MIB // 2)
            for _ in range(5):
                assert visitor.get("/other").status == 200

            # Nothing is left, but everybody has a first window.
            last = begin(visitor)
            for _ in range(10):
                wait_for_window(visitor, last, WINDOW // 2)
                send_what_may_be_sent(visitor, last)
            visitor.send(data(last, b"", end=True))
            assert visitor.answer(last).status == 200

            gate.set()
            for stream in streams:
                visitor.send(data(stream, b"", end=True))
            assert {bytes(visitor.answer(stream).body) for stream in streams} == {b"at last"}
            fresh = begin(visitor)
            send_what_may_be_sent(visitor, fresh)
            wait_for_window(visitor, fresh, MIB)
    finally:
        gate.set()
        app.stop()


def test_a_reload_changes_the_budget(start, app, far):
    sluice = start(edge(app, windows="0"))
    with Http2Client(far(sluice["h2c"]).address) as visitor:
        stream = begin(visitor)
        for _ in range(5):
            wait_for_window(visitor, stream, WINDOW // 2)
            send_what_may_be_sent(visitor, stream)
            visitor.sync()
            assert visitor.answers[stream].send_window <= WINDOW
        sluice.reload(edge(app, windows="256MiB"))
        stream = begin(visitor)
        send_what_may_be_sent(visitor, stream)
        wait_for_window(visitor, stream, LARGE)


# --- downloads -----------------------------------------------------------------------------------------------

def test_a_far_server_may_send_at_once(start, h2apps, far):
    """The window is opened with the request: the server waits for nothing."""
    app = h2apps()
    body = bytes(LARGE)

    def down(visit):
        visit.connection.wait(lambda: visit.window >= LARGE, visit, "a large window")
        visit.reply(body=body)

    app.play("/down", down)
    sluice = start(edge(far(app.address), protocol="h2"))
    with sluice.connect() as visitor:
        assert visitor.get("/first").status == 200  # and now it is known how far the server is
        assert visitor.get("/down").body == body


def test_a_slow_client_of_a_far_server_holds_no_more_than_the_budget(start, h2apps, far):
    app = h2apps()
    sent = []

    def flood(visit):
        visit.head(200)
        for _ in range(1024):
            visit.data(bytes(1 << 16))
            sent.append(1 << 16)

    app.play("/flood", flood)
    sluice = start(edge(far(app.address), protocol="h2", windows="12MiB"))
    with Http2Client(sluice["h2c"], replenish=False) as slow:
        assert slow.get("/first").status == 200
        slow.open(head("GET", "/flood"))
        first = app.wait_visits(2)
        first.connection.wait(lambda: first.window <= 0, first, "the stream's window to be used up")
        assert MIB <= sum(sent) <= MIB + MIB // 4, "more or less than a first window and a twelfth of the budget"
        with Http2Client(sluice["h2c"]) as other:
            assert other.get("/other").status == 200
        assert first.window <= 0
        slow.reset()
    app.wait_done(first)
