"""gRPC by Debian's grpcio on both sides: calls of every kind, metadata, deadlines, cancellation, and what fails."""

import json
import os
import struct
import threading
from types import SimpleNamespace

import pytest

from certs import entry
from grpc_app import GrpcApp
from http2 import Code, Http2Client, data, head
from http2_server import Http2Upstream
from ports import closed_port
from sluice import Sluice, config, pool
from waiting import PATIENCE

grpc = pytest.importorskip("grpc")
Status = grpc.StatusCode

LARGE = 64 << 20
WAYS = [(down, up) for down in ("h2c", "https") for up in ("clear", "secure")]
CALL = ["content-type: application/grpc", "te: trailers"]


def message(payload=b""):
    return struct.pack(">BI", 0, len(payload)) + payload


class Stub:
    """A channel, and calls by name: stub.unary_unary("Echo")(b"hello", timeout=…)."""

    def __init__(self, address, authority, ca=None):
        options = [("grpc.default_authority", authority), ("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1),
                   ("grpc.max_receive_message_length", LARGE), ("grpc.max_send_message_length", LARGE), ("grpc.enable_retries", 0)]
        if ca:
            with open(ca, "rb") as trusted:
                self.channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(trusted.read()),
                                                   [*options, ("grpc.ssl_target_name_override", authority)])
        else:
            self.channel = grpc.insecure_channel(address, options)

    def __getattr__(self, kind):
        make = getattr(self.channel, kind)

        def named(method):
            call = make("/test.App/" + method)
            # Without a bound of its own a call that hangs would hang the test.
            return SimpleNamespace(**{way: (lambda *a, f=f, **k: f(*a, **{"timeout": PATIENCE, **k}))
                                      for way in ("__call__", "with_call", "future") if (f := getattr(call, way, None))})
        return named

    def unary(self, method, request=b"", **how):
        return self.unary_unary(method).with_call(request, **how)

    def stream(self, method, request=b"", **how):
        return self.channel.unary_stream("/test.App/" + method)(request, **{"timeout": PATIENCE, **how})

    def collect(self, requests, **how):
        return self.channel.stream_unary("/test.App/Collect")(requests, **{"timeout": PATIENCE, **how})

    def chat(self, requests, **how):
        return self.channel.stream_stream("/test.App/Chat")(requests, **{"timeout": PATIENCE, **how})

    def fails(self, method, request=b"", **how):
        """The RpcError of a call that has to fail."""
        with pytest.raises(grpc.RpcError) as caught:
            self.unary(method, request, **how)
        return caught.value


@pytest.fixture(scope="module")
def world(authority):
    """One application in the clear, one under TLS, one that is down; Sluice with h2c and TLS in front of them."""
    leaf = authority.leaf("*.app.test", "app.test")
    clear, secure = GrpcApp(), GrpcApp(leaf)
    scripted = Http2Upstream()
    listeners = {"h2c": {"address": "127.0.0.1:0", "protocols": ["h2c"]}, "https": {"address": "127.0.0.1:0", "tls": True}}
    pools = {"clear": pool(clear, protocol="h2"),
             "secure": pool(secure, protocol="h2", tls={"ca": authority.cert, "server_name": "app.test"}),
             "scripted": pool(scripted, protocol="h2"),
             "down": pool(f"127.0.0.1:{closed_port()}", f"127.0.0.1:{closed_port()}", protocol="h2")}
    whole = config(listeners=listeners, pools=pools, tls={"certificates": [entry(leaf)]},
                   routes=[{"hosts": [f"{name}.app.test"], "pool": name} for name in pools])
    sluice = Sluice(whole).wait_ready()
    stubs = {}

    def stub(way=("h2c", "clear")):
        if way not in stubs:
            stubs[way] = Stub(sluice[way[0]], f"{way[1]}.app.test", authority.cert if way[0] == "https" else None)
        return stubs[way]

    yield SimpleNamespace(sluice=sluice, config=whole, apps={"clear": clear, "secure": secure}, scripted=scripted, stub=stub)
    for one in stubs.values():
        one.channel.close()
    try:
        sluice.stop()
    finally:
        for one in (clear, secure, scripted):
            one.stop()


@pytest.fixture(autouse=True)
def unharmed(world):
    world.scripted.complaints.clear()
    yield
    world.sluice.assert_unharmed()
    assert not world.scripted.complaints, world.scripted.complaints


@pytest.fixture(params=WAYS, ids="-to-".join)
def way(request):
    return request.param


@pytest.fixture
def stub(world, way):
    return world.stub(way)


@pytest.fixture
def peer(world, way):
    return world.apps[way[1]]


def visit(world):
    return Http2Client(world.sluice["h2c"])


# --- calls ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("size", [0, 1, 100_000, 4 << 20])
def test_unary(stub, size):
    payload = os.urandom(size)
    answer, call = stub.unary("Echo", payload)
    assert answer == payload and call.code() == Status.OK


def test_server_streaming(stub):
    answers = list(stub.stream("Count", b"[300, 1000]"))
    assert [a.split(b":")[0] for a in answers] == [b"%d" % n for n in range(300)]
    assert {len(a) for a in answers} == {1000}


def test_server_streaming_of_large_messages(stub):
    assert [len(a) for a in stub.stream("Count", b"[4, 2000000]")] == [2_000_000] * 4


def test_client_streaming(stub):
    assert json.loads(stub.collect(b"x" * 1000 for _ in range(300))) == [300, 300_000]


def test_client_streaming_of_nothing(stub):
    assert json.loads(stub.collect(iter(()))) == [0, 0]


def test_bidirectional_streaming(stub):
    """Each answer is here before the next question is asked."""
    answered = threading.Semaphore(0)

    def questions():
        for n in range(20):
            yield b"question %d" % n
            assert answered.acquire(timeout=PATIENCE)

    for n, answer in enumerate(stub.chat(questions())):
        assert answer == b"re: question %d" % n
        answered.release()
    assert n == 19


def test_bidirectional_streaming_at_full_speed(stub):
    assert [len(a) for a in stub.chat(b"x" * 50_000 for _ in range(100))] == [50_004] * 100


def test_the_head_comes_before_the_first_question(stub):
    """Nothing may be held back until there is a body."""
    asked = threading.Event()

    def questions():
        assert asked.wait(PATIENCE)
        yield b"at last"

    call = stub.chat(questions())
    assert dict(call.initial_metadata())["x-app"] == "app"
    asked.set()
    assert list(call) == [b"re: at last"]


# --- metadata ------------------------------------------------------------------------------------------------

def test_metadata_both_ways(stub):
    said = [("x-text", "hello there"), ("x-many", "1"), ("x-many", "2"), ("x-raw-bin", bytes(range(256))), ("x-empty", ""),
            ("x-late-text", "bye"), ("x-late-raw-bin", b"\0\xff")]
    _, call = stub.unary("Echo", b"", metadata=said)
    first, last = list(call.initial_metadata()), list(call.trailing_metadata())
    many = [v for k, v in first if k == "x-many"]
    assert many in (["1", "2"], ["1,2"], ["1, 2"])
    assert {("x-text", "hello there"), ("x-raw-bin", bytes(range(256))), ("x-empty", ""), ("x-app", "app")} <= set(first)
    assert {("x-late-text", "bye"), ("x-late-raw-bin", b"\0\xff")} <= set(last)


def test_a_lot_of_metadata(stub):
    said = [(f"x-n{n}", "v" * 100) for n in range(40)]
    _, call = stub.unary("Echo", b"", metadata=said)
    assert set(said) <= set(call.initial_metadata())


# --- errors of the application -------------------------------------------------------------------------------

@pytest.mark.parametrize("details", ["no such thing", "", "100 % sûr: “été” \U0001f600", "two\nlines\tand %25 of %"])
def test_statuses_arrive_as_they_are(stub, details):
    error = stub.fails("Fail", json.dumps({"code": 9, "details": details, "why": [0, 1, 255]}).encode())
    assert (error.code(), error.details()) == (Status.FAILED_PRECONDITION, details)
    assert dict(error.trailing_metadata())["x-why-bin"] == b"\0\1\xff"


@pytest.mark.parametrize("code", [c for c in Status if c != Status.OK], ids=lambda c: c.name)
def test_every_status(world, code):
    assert world.stub().fails("Fail", json.dumps({"code": code.value[0], "details": "so"}).encode()).code() == code


def test_an_error_after_messages(stub):
    got = []
    with pytest.raises(grpc.RpcError) as caught:
        for answer in stub.stream("FailLater"):
            got.append(answer)
    assert (got, caught.value.code(), caught.value.details()) == ([b"one", b"two"], Status.DATA_LOSS, "that was all")


def test_an_unknown_method(stub):
    assert stub.fails("Nonsense").code() == Status.UNIMPLEMENTED


def test_an_error_alone_stays_one_head(world):
    """Trailers-Only: status and END_STREAM in the first and only HEADERS."""
    with visit(world) as visitor:
        answer = visitor.request("POST", "/test.App/Fail", *CALL, body=message(b'{"code": 5, "details": "x y"}'), authority="clear.app.test")
        assert (answer.status, answer.body, answer.trailers) == (200, b"", None)
        assert (answer.get("grpc-status"), answer.get("grpc-message"), answer.get("content-type")) == ("5", "x y", "application/grpc")
        assert answer.get("content-length") in (None, "0")


def test_trailers_stay_trailers(world):
    with visit(world) as visitor:
        answer = visitor.request("POST", "/test.App/Echo", *CALL, body=message(b"hello"), authority="clear.app.test")
        assert answer.body == message(b"hello") and answer.get("grpc-status") is None
        assert ("grpc-status", "0") in answer.trailers


def test_te_and_the_content_type_reach_the_application(world):
    world.scripted.play("/test.App/X", lambda v: (v.body(), v.reply(200, "content-type: application/grpc", "grpc-status: 0", length=False)))
    with visit(world) as visitor:
        for kind in ("application/grpc", "application/grpc+proto", "application/grpc;charset=x"):
            answer = visitor.request("POST", "/test.App/X", f"content-type: {kind}", "te: trailers", "grpc-timeout: 5S",
                                     "grpc-encoding: identity", body=message(), authority="scripted.app.test")
            assert answer.status == 200 and answer.ended
            request = world.scripted.last("/test.App/X").request
            assert (request.get("content-type"), request.get("te"), request.get("grpc-timeout")) == (kind, "trailers", "5S")
            assert request.get("grpc-encoding") == "identity"


# --- deadlines and cancellation ------------------------------------------------------------------------------

def test_a_deadline_reaches_the_application(stub):
    answer, _ = stub.unary("Time", timeout=30)
    assert 20 < float(answer) < 31, "rounded, but said"


def test_a_deadline_that_passes(stub, peer):
    before = peer.count("cancelled", "/test.App/Hang")
    assert stub.fails("Hang", timeout=0.2).code() == Status.DEADLINE_EXCEEDED
    peer.wait("cancelled", "/test.App/Hang", count=before + 1)


def test_a_deadline_that_passes_in_the_middle(stub, peer):
    before = peer.count("cancelled", "/test.App/Drip")
    call = stub.stream("Drip", timeout=0.5)
    assert next(call) == b"first"
    with pytest.raises(grpc.RpcError) as caught:
        next(call)
    assert caught.value.code() == Status.DEADLINE_EXCEEDED
    peer.wait("cancelled", "/test.App/Drip", count=before + 1)


@pytest.mark.parametrize("timeout", ["100m", "100000u", "90000000n"])
def test_a_deadline_is_kept_by_sluice_too(world, timeout):
    """A client that only says it, and an application that does not care."""
    world.scripted.play("/test.App/Never", lambda v: v.wait_reset())
    with visit(world) as visitor:
        answer = visitor.request("POST", "/test.App/Never", *CALL, f"grpc-timeout: {timeout}", body=message(), authority="scripted.app.test")
        assert (answer.status, answer.get("grpc-status"), answer.get("content-type")) == (200, "4", "application/grpc")
        assert answer.ended and not answer.body
    assert world.scripted.wait_done(world.scripted.last("/test.App/Never")).reset_by == Code.CANCEL


def test_a_deadline_while_the_client_still_sends(world):
    world.scripted.play("/test.App/Never", lambda v: v.wait_reset())
    with visit(world) as visitor:
        stream = visitor.open(head("POST", "/test.App/Never", *CALL, "grpc-timeout: 100m", authority="scripted.app.test"), end=False)
        visitor.send(data(stream, message(b"hello")))
        assert visitor.answer(stream).get("grpc-status") == "4"
        assert visitor.answers[stream].reset in (None, Code.NO_ERROR)


def test_a_deadline_in_the_middle_of_an_answer(world):
    """The head is out: the trailers can still say so."""
    world.scripted.play("/test.App/Half", lambda v: (v.head(200, "content-type: application/grpc"), v.data(message(b"one")), v.wait_reset()))
    with visit(world) as visitor:
        answer = visitor.request("POST", "/test.App/Half", *CALL, "grpc-timeout: 300m", body=message(), authority="scripted.app.test")
        assert answer.body == message(b"one")
        assert answer.ended and ("grpc-status", "4") in answer.trailers, answer
    assert world.scripted.wait_done(world.scripted.last("/test.App/Half")).reset_by == Code.CANCEL


@pytest.mark.parametrize("value", ["", "10", "S", "-1S", "1.5S", "123456789S", "10s", "10 S"])
def test_a_deadline_that_is_none_is_not_kept(world, value):
    """Passed on, for the application to judge, and no reason to fail here."""
    world.scripted.play("/test.App/X", lambda v: (v.body(), v.reply(200, "grpc-status: 0", length=False)))
    with visit(world) as visitor:
        answer = visitor.request("POST", "/test.App/X", *CALL, f"grpc-timeout: {value}", body=message(), authority="scripted.app.test")
        assert answer.get("grpc-status") == "0", f"{answer} {answer.fields}"


def test_a_cancelled_call_is_cancelled_at_the_application(stub, peer):
    begun, cancelled = peer.count("begun", "/test.App/Hang"), peer.count("cancelled", "/test.App/Hang")
    call = stub.unary_unary("Hang").future(b"")
    peer.wait("begun", "/test.App/Hang", count=begun + 1)
    call.cancel()
    peer.wait("cancelled", "/test.App/Hang", count=cancelled + 1)


def test_a_cancelled_stream_is_cancelled_at_the_application(stub, peer):
    begun, cancelled = peer.count("begun", "/test.App/Drip"), peer.count("cancelled", "/test.App/Drip")
    call = stub.stream("Drip")
    assert next(call) == b"first"
    peer.wait("begun", "/test.App/Drip", count=begun + 1)
    call.cancel()
    peer.wait("cancelled", "/test.App/Drip", count=cancelled + 1)


def test_a_client_that_dies_cancels_its_calls(world):
    app = world.apps["clear"]
    begun, cancelled = app.count("begun", "/test.App/Hang"), app.count("cancelled", "/test.App/Hang")
    with visit(world) as visitor:
        for _ in range(3):
            stream = visitor.open(head("POST", "/test.App/Hang", *CALL, authority="clear.app.test"), end=False)
            visitor.send(data(stream, message(), True))
        app.wait("begun", "/test.App/Hang", count=begun + 3)
        visitor.reset()
    app.wait("cancelled", "/test.App/Hang", count=cancelled + 3)


# --- what Sluice answers itself ------------------------------------------------------------------------------

@pytest.mark.parametrize("down", ["h2c", "https"])
def test_servers_that_are_down(world, down):
    error = world.stub((down, "down")).fails("Echo")
    assert error.code() == Status.UNAVAILABLE and error.details()


@pytest.mark.parametrize("down", ["h2c", "https"])
def test_no_route(world, down):
    assert world.stub((down, "nobody")).fails("Echo").code() == Status.UNIMPLEMENTED


# HTTP answers of an application that is none of gRPC's arrive as they are; the client's library makes sense of them.
@pytest.mark.parametrize("status,expected", [(401, Status.UNAUTHENTICATED), (403, Status.PERMISSION_DENIED), (404, Status.UNIMPLEMENTED),
                                             (429, Status.UNAVAILABLE), (502, Status.UNAVAILABLE), (503, Status.UNAVAILABLE),
                                             (500, Status.UNKNOWN)])
def test_answers_that_are_not_grpc(world, status, expected):
    world.scripted.play("/test.App/Echo", lambda v: (v.body(), v.reply(status, "content-type: text/plain", body=b"no")))
    assert world.stub(("h2c", "scripted")).fails("Echo").code() == expected


@pytest.mark.parametrize("how", [lambda v: v.reset(Code.INTERNAL_ERROR), lambda v: v.connection.close(), lambda v: v.reset(Code.REFUSED_STREAM)],
                         ids=["reset", "close", "refused"])
def test_a_server_that_fails_before_it_answers(world, how):
    world.scripted.play("/test.App/Echo", lambda v: (v.body(), how(v)))
    assert world.stub(("h2c", "scripted")).fails("Echo").code() == Status.UNAVAILABLE


def test_a_call_that_was_refused_is_made_again(world):
    seen = []
    world.scripted.play("/test.App/Echo", lambda v: v.reset(Code.REFUSED_STREAM) if not seen.append(1) and len(seen) == 1 else (
        v.head(200, "content-type: application/grpc"), v.data(v.body()), v.trailers("grpc-status: 0")))
    answer, call = world.stub(("h2c", "scripted")).unary("Echo", b"hello" * 5000)
    assert answer == b"hello" * 5000 and len(seen) == 2


def test_own_answers_to_calls_and_to_others(world):
    """Whoever does not speak gRPC is answered in HTTP."""
    with visit(world) as visitor:
        answer = visitor.request("POST", "/x", *CALL, body=message(), authority="down.app.test")
        assert (answer.status, answer.get("grpc-status")) == (200, "14")
        assert answer.get("grpc-message") and answer.get("proxy-status") and answer.get("x-request-id")
        answer = visitor.request("POST", "/x", "content-type: application/grpc-web", body=message(), authority="down.app.test")
        assert answer.status == 502 and answer.get("grpc-status") is None


@pytest.mark.parametrize("limit,asks", [({"max": {"body": "1KiB"}}, {"request": b"x" * 5000}),
                                        ({"max": {"head": "2KiB"}}, {"metadata": [("x-a", "v" * 4000)]})], ids=["body", "head"])
def test_what_is_too_large_is_resource_exhausted(start, world, limit, asks):
    sluice = start({**world.config, **limit})
    stub = Stub(sluice["h2c"], "clear.app.test")
    assert stub.fails("Echo", **asks).code() == Status.RESOURCE_EXHAUSTED
    stub.channel.close()


# --- servers that die ----------------------------------------------------------------------------------------

@pytest.fixture
def mortal(start, authority):
    """An application of its own, Sluice, and a stub; the second server of the pool is down."""
    victim = GrpcApp()
    sluice = start(config(listeners={"h2c": {"address": "127.0.0.1:0", "protocols": ["h2c"]}}, pools={"app": pool(victim, protocol="h2")},
                          routes=[{"pool": "app"}]))
    stub = Stub(sluice["h2c"], "app.test")
    yield SimpleNamespace(app=victim, sluice=sluice, stub=stub)
    stub.channel.close()
    victim.stop()


def test_a_server_that_dies_under_calls(mortal):
    calls = [mortal.stub.unary_unary("Hang").future(b"") for _ in range(5)]
    mortal.app.wait("begun", "/test.App/Hang", count=5)
    mortal.app.kill()
    assert [call.code() for call in calls] == [Status.UNAVAILABLE] * 5
    assert mortal.stub.fails("Echo").code() == Status.UNAVAILABLE, "nobody is there any more"


def test_a_server_that_dies_by_its_own_hand(mortal):
    assert mortal.stub.fails("Die").code() == Status.UNAVAILABLE


def test_a_server_that_dies_in_the_middle_of_an_answer(mortal):
    """The head is out; the call fails all the same, and does not look complete."""
    call = mortal.stub.stream("DieLater")
    assert next(call) == b"one"
    mortal.app.kill()
    with pytest.raises(grpc.RpcError) as caught:
        next(call)
    assert caught.value.code() == Status.UNAVAILABLE


# --- many, and over a reload ---------------------------------------------------------------------------------

def test_many_calls_at_once(stub):
    calls = [stub.unary_unary("Echo").future(b"%d" % n * 100) for n in range(200)]
    assert [call.result() for call in calls] == [b"%d" % n * 100 for n in range(200)]


def test_many_streams_at_once(world):
    """More than one connection to the server can carry at a time, and more than its threads serve."""
    stub = world.stub()
    calls = [stub.stream("Count", b"[20, 1000]") for _ in range(100)]
    assert [len(list(call)) for call in calls] == [20] * 100


def test_calls_over_reloads(start, world):
    second = GrpcApp(name="second")
    one = {**world.config, "timeouts": {"drain": "60s"}}
    other = {**one, "pools": {**one["pools"], "clear": pool(second, protocol="h2")}}
    sluice = start(one)
    stub = Stub(sluice["h2c"], "clear.app.test")
    answered, reloaded = threading.Semaphore(0), threading.Semaphore(0)

    def questions():
        for n in range(6):
            yield b"%d" % n
            assert answered.acquire(timeout=PATIENCE)
            assert reloaded.acquire(timeout=PATIENCE)

    chat = stub.chat(questions())
    try:
        for n in range(6):
            assert next(chat) == b"re: %d" % n
            answered.release()
            assert sluice.hang_up(other if n % 2 == 0 else one) == "applied"
            calls = [stub.unary_unary("Echo").future(b"x") for _ in range(20)]
            assert [dict(call.initial_metadata())["x-app"] for call in calls] == ["second" if n % 2 == 0 else "app"] * 20
            assert {call.result() for call in calls} == {b"x"}
            reloaded.release()
        assert list(chat) == [] and chat.code() == Status.OK
    finally:
        chat.cancel()
        stub.channel.close()
        sluice.stop()
        second.stop()


def test_stopping_finishes_what_runs(start, world):
    sluice = start({**world.config, "timeouts": {"drain": "60s"}})
    stub = Stub(sluice["h2c"], "clear.app.test")
    stopping = threading.Event()

    def questions():
        yield b"before"
        assert stopping.wait(PATIENCE)
        yield b"after"

    chat = stub.chat(questions())
    assert next(chat) == b"re: before"
    sluice.terminate()
    sluice.wait_log("drain|stopp|shutting|terminat|TERM")
    stopping.set()
    assert list(chat) == [b"re: after"] and chat.code() == Status.OK
    stub.channel.close()
    assert sluice.wait_exit() == 0
