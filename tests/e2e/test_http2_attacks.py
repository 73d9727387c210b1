"""Attacks on HTTP/2. Each ends the attacker's connection, or stream, and concerns nobody else.

What is sent is in cases_http2_attacks.py. In every scene a neighbour is connected before the attack and served on
the same connection after it; the process lives, and does not grow beyond a bound; and the application is asked no
more than is said.
"""

import os
import random
import re
import threading
import time
from contextlib import contextmanager

import pytest

import cases_http2_attacks as cases
from cases_http2_attacks import BOMB_ENTRY, CONTINUATIONS, GET, MALFORMED, POST, STREAMS, opened
from client import RawClient
from http2 import (INDEXED, MAX_FRAME, MAX_WINDOW, PREFACE, WINDOW, Code, Ended, Http2Client, Setting, block, continuation, data,
                   frame, goaway, head, headers, indexed, literal, ping, priority, rst_stream, settings, window_update)
from sluice import config
from stage import Stage
from waiting import PATIENCE, wait_until

MEMORY = 48 << 20  # what Sluice may grow by in one scene; the sanitizers' share included
LARGE = 64 << 20   # an answer that nobody could hold
TABLE = cases.floods + cases.continuations + cases.hpack + cases.violations


def MAKE_CONFIG(app):
    return config(app, listeners={"http": "127.0.0.1:0", "h2c": {"address": "127.0.0.1:0", "protocols": ["h2c"]}},
                  http2={"streams": STREAMS, "resets": f"{cases.RESETS}/m", "control_frames": f"{cases.CONTROL_FRAMES}/m",
                         "continuations": CONTINUATIONS},
                  max={"http2_windows": "1MiB"},
                  timeouts={"header": "1s", "body": "1s", "idle": "5s"})


@pytest.fixture(scope="module")
def theatre():
    """As everywhere, but the sanitizer must not keep what was freed: memory is looked at here."""
    one = Stage(MAKE_CONFIG, env={"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "quarantine_size_mb=8")})
    yield one
    one.end()


def visit(stage, **how):
    return Http2Client(stage.sluice["h2c"], **how)


@contextmanager
def besieged(stage, at_most=0, only=True, **how):
    """The attacker's connection; afterwards looks after everybody else. at_most: requests passed on, all for /attack
    if `only`."""
    how = {"strict": False, **how}
    with visit(stage) as neighbour:
        assert neighbour.get("/neighbour").status == 200
        stage.app.settle()
        visits, memory = len(stage.app.visits), stage.sluice.resident()
        with visit(stage, **how) as attacker:
            yield attacker
        assert neighbour.get("/neighbour").status == 200, "the neighbour suffers"
    passed = [v.request.path for v in stage.app.visits[visits:] if not v.request.path.startswith("/neighbour")]
    assert not only or set(passed) <= {"/attack"}, set(passed)
    assert len(passed) <= at_most, f"{len(passed)} requests passed"
    grown = stage.sluice.resident() - memory
    assert grown < MEMORY, f"grew by {grown >> 20} MiB"


def assert_ended(attacker, codes):
    """The connection is over, and the last GOAWAY says why."""
    attacker.rest()
    code = attacker.last_goaway.code if attacker.last_goaway else Code.NO_ERROR
    assert code in codes, f"{attacker.last_goaway}; {attacker.story()}"


@pytest.mark.parametrize("case", TABLE, ids=str)
def test_is_stopped(stage, case):
    before = stage.sluice.refused()
    with besieged(stage, case.at_most) as attacker:
        attacker.flood(case.sent, listen=case.listens)
        assert_ended(attacker, case.codes)
    if case.rule:
        assert stage.sluice.refused(before) == {("downstream", case.rule): 1}


@pytest.mark.parametrize("case", cases.prefaces, ids=str)
def test_a_wrong_preface(stage, case):
    """RFC 9113 §3.4: GOAWAY may be left out."""
    before = stage.sluice.refused()
    with besieged(stage, shake=False) as attacker:
        attacker.flood(case.sent)
        attacker.ends(*case.codes)
        assert not any(f.kind == 1 for f in attacker.frames), attacker.story()
    assert stage.sluice.refused(before) == {("downstream", case.rule): 1}


def counted(stage):
    """sluice_http2_connections_ended_total by reason."""
    lines = stage.sluice.admin("/metrics").body.decode().splitlines()
    found = re.findall(r'^sluice_http2_connections_ended_total\{reason="(\w+)"\} (\d+)$', "\n".join(lines), re.M)
    return {reason: int(value) for reason, value in found}


def end_by(attacker, sent):
    attacker.flood(sent)
    assert_ended(attacker, cases.CALM)


COUNTED = {
    "rapid_reset": lambda a: end_by(a, b"".join(headers(s, GET) + rst_stream(s) for s in range(1, 4_001, 2))),
    "control_flood": lambda a: end_by(a, ping() * 4_000),
    "continuation_flood": lambda a: end_by(a, headers(1, GET, whole=False) + continuation(1, b"", False) * 100),
    "header_bomb": lambda a: end_by(a, headers(1, GET + BOMB_ENTRY) + headers(3, GET + indexed(62) * 3_000)),
    "stalled_window": lambda a: (ask_for_much(a), assert_ended(a, cases.CALM)),
}


@pytest.mark.parametrize("reason", COUNTED)
def test_the_reason_is_counted(stage, reason):
    stage.app.play("/attack", large_answer)
    before = counted(stage)
    announce = {"initial_window_size": 0} if reason == "stalled_window" else {}
    with besieged(stage, at_most=10_000, announce=announce, replenish=False) as attacker:
        COUNTED[reason](attacker)
    assert counted(stage) == {**before, reason: before[reason] + 1}


def test_an_attack_takes_few_lines_of_the_log(stage):
    """The counter has them all."""
    since, before = stage.sluice.mark(), counted(stage)["control_flood"]
    for _ in range(250):
        with besieged(stage, at_most=10_000, replenish=False) as attacker:
            COUNTED["control_flood"](attacker)
    assert counted(stage)["control_flood"] == before + 250
    assert len([line for line in stage.sluice.lines[since:] if " ended: " in line]) <= 5


def test_there_are_enough_of_them():
    assert len(TABLE + cases.prefaces) >= 150
    assert len({case.name for case in TABLE + cases.prefaces}) == len(TABLE + cases.prefaces)


# --- requests that are wrong, in numbers ---------------------------------------------------------------------

@pytest.mark.parametrize("name", MALFORMED)
def test_a_flood_of_bad_requests(stage, name):
    """Each is refused; after too many of them, so is the client. Nothing is passed on."""
    with besieged(stage) as attacker:
        streams = range(1, 4_001, 2)
        for stream in streams:
            attacker.expect(stream)
        attacker.flood(b"".join(headers(stream, MALFORMED[name]) for stream in streams))
        try:
            attacker.until(lambda: all(attacker.answers[stream].over for stream in streams), "an answer to each")
            assert {a.status for a in attacker.answers.values()} == {400}, "resets without number"
        except Ended:
            assert_ended(attacker, cases.CALM + cases.PROTOCOL)


# --- sizes ---------------------------------------------------------------------------------------------------

TOO_LARGE = {
    "field": [("a", "b" * 40_000)],
    "field-that-huffman-hides": [("a", "0" * 40_000)],
    "name": [("a" * 40_000, "b")],
    "fields-together": [(f"a{i}", "b" * 1_000) for i in range(40)],
    "fields-101": [(f"a{i}", "b") for i in range(101)],
    "fields-1000": [(f"a{i}", "b") for i in range(1_000)],
    "fields-same-name": [("a", "b")] * 1_000,
    "fields-without-value": [("a", "")] * 5_000,
    "cookie": [("cookie", "a=" + "b" * 40_000)],
    "crumbs": [("cookie", "a=b")] * 500,
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_a_head_too_large(stage, name):
    with besieged(stage, strict=True) as attacker:
        answer = attacker.request("GET", "/attack", *TOO_LARGE[name])
        assert answer.status == 431, answer
        assert attacker.get("/neighbour").status == 200, "one large head is no reason to refuse the next"


def test_a_path_too_large(stage):
    with besieged(stage, strict=True) as attacker:
        assert attacker.get("/" + "x" * 40_000).status == 414
        assert attacker.get("/neighbour").status == 200


def test_the_largest_head_passes(stage):
    with besieged(stage, at_most=2, strict=True) as attacker:
        assert attacker.get("/attack", ("a", "b" * 30_000)).status == 200
        assert attacker.get("/attack", *((f"a{i}", "b") for i in range(90))).status == 200


def test_crumbs_are_one_field(stage):
    """RFC 9113 §8.2.3: more of them than a head may have fields."""
    with besieged(stage, at_most=1, strict=True) as attacker:
        assert attacker.get("/attack", *[("cookie", "a=b")] * 300).status == 200
    assert stage.app.last("/attack").request.all("Cookie") == ["; ".join(["a=b"] * 300)]


def test_the_most_continuations_pass(stage):
    with besieged(stage, at_most=1, strict=True) as attacker:
        attacker.expect(1)
        attacker.send(headers(1, GET[:5], whole=False), continuation(1, b"", False) * (CONTINUATIONS - 1), continuation(1, GET[5:]))
        assert attacker.answer(1).status == 200


@pytest.mark.parametrize("trailers", [[(f"x-{i}", "1") for i in range(200)], [("x-a", "b" * 20_000)], [("x-a", "b" * 40_000)]],
                         ids=["many", "long", "longer"])
def test_trailers_too_large(stage, trailers):
    with besieged(stage, at_most=1, strict=True) as attacker:
        answer = attacker.request("POST", "/attack", body=b"hello", trailers=trailers)
        assert (answer.status, answer.reset) == (None, Code.PROTOCOL_ERROR), answer
        assert attacker.get("/neighbour").status == 200
    assert not any(v.request.complete for v in stage.app.to("/attack")[-1:] if v.request.method == "POST")


# --- HPACK ---------------------------------------------------------------------------------------------------

def test_hpack_bomb(stage):
    """One entry as large as the table, referred to thousands of times in one block: 12 MiB out of 3 KiB."""
    with besieged(stage, at_most=1) as attacker:
        attacker.expect(1)
        attacker.send(headers(1, GET + BOMB_ENTRY))
        assert attacker.answer(1).status == 200
        attacker.expect(3)
        attacker.send(headers(3, GET + indexed(62) * 3_000))
        attacker.until(lambda: attacker.answers[3].over or attacker.ended or attacker.last_goaway, "a refusal")
        if attacker.answers[3].over:
            assert attacker.answers[3].status == 431
        else:
            assert_ended(attacker, cases.CALM)


def test_hpack_bombs_in_numbers(stage):
    """Refused one by one, or all at once; never kept."""
    with besieged(stage, at_most=1) as attacker:
        streams = range(3, 403, 2)
        for stream in (1, *streams):
            attacker.expect(stream)
        attacker.flood(headers(1, GET + BOMB_ENTRY), b"".join(headers(s, GET + indexed(62) * 3_000) for s in streams))
        try:
            attacker.until(lambda: all(attacker.answers[s].over for s in streams), "an answer to each")
            assert {attacker.answers[s].status for s in streams} <= {431, None}
        except Ended:
            assert_ended(attacker, cases.CALM)


@pytest.mark.parametrize("name,suffix", [("static", indexed(16) * 16_000), ("pseudo", indexed(2) * 16_000),
                                         ("huffman", literal("a", "0" * 48_000, huffman=True)),
                                         ("empty-names", b"\0\0\0" * 5_000)])
def test_small_blocks_that_decode_to_large_heads(stage, name, suffix):
    with besieged(stage) as attacker:
        whole = GET + suffix
        attacker.expect(1)
        attacker.flood(headers(1, whole[:MAX_FRAME], whole=len(whole) <= MAX_FRAME),
                       *(continuation(1, whole[at: at + MAX_FRAME], at + MAX_FRAME >= len(whole))
                         for at in range(MAX_FRAME, len(whole), MAX_FRAME)))
        attacker.until(lambda: attacker.answers[1].over or attacker.ended or attacker.last_goaway, "a refusal")
        if attacker.answers[1].over:
            answer = attacker.answers[1]
            expected = (None, Code.PROTOCOL_ERROR) if name == "empty-names" else (431, None)
            assert (answer.status, answer.reset) == expected, answer
        else:
            assert_ended(attacker, cases.CALM + cases.COMPRESSION)


@pytest.mark.parametrize("name", ["malformed", "too-large", "too-many", "bad-host"])
def test_the_table_is_kept_in_step_by_refused_heads(stage, name):
    """A head that is refused still counts for the compression context (RFC 9113 §4.3)."""
    learn = literal("x-learnt", "by heart", INDEXED)
    refused = {"malformed": GET + literal("X-Upper", "1"), "too-large": GET + literal("a", "b" * 14_000) * 3,
               "too-many": GET + literal("a", "b") * 200, "bad-host": block(head("GET", "/attack", authority="a b"))}[name]
    with besieged(stage, at_most=1) as attacker:
        attacker.expect(1)
        whole = refused + learn
        attacker.send(headers(1, whole[:MAX_FRAME], whole=len(whole) <= MAX_FRAME), *(
            continuation(1, whole[at: at + MAX_FRAME], at + MAX_FRAME >= len(whole))
            for at in range(MAX_FRAME, len(whole), MAX_FRAME)))
        assert attacker.answer(1).status != 200
        attacker.expect(3)
        attacker.send(headers(3, GET + indexed(62)))
        assert attacker.answer(3).status == 200
    assert stage.app.last("/attack").request.get("X-Learnt") == "by heart"


def test_the_table_is_kept_in_step_by_refused_streams(stage, gate_of_scene):
    stage.app.play("/attack", lambda v: (v.body(), gate_of_scene.wait(PATIENCE), v.reply(body=b"ok")))
    with besieged(stage, at_most=STREAMS + 1) as attacker:
        streams = range(1, 2 * STREAMS, 2)
        for stream in (*streams, 2 * STREAMS + 1):
            attacker.expect(stream)
        attacker.send(*(headers(s, GET) for s in streams), headers(2 * STREAMS + 1, GET + literal("x-learnt", "by heart", INDEXED)))
        attacker.refused(2 * STREAMS + 1, Code.REFUSED_STREAM)
        gate_of_scene.set()
        assert {attacker.answer(s).status for s in streams} == {200}
        attacker.expect(2 * STREAMS + 3)
        attacker.send(headers(2 * STREAMS + 3, GET + indexed(62)))
        assert attacker.answer(2 * STREAMS + 3).status == 200
    assert any(v.request.all("X-Learnt") == ["by heart"] for v in stage.app.to("/attack"))


@pytest.fixture
def gate_of_scene():
    event = threading.Event()
    yield event
    event.set()


# --- streams without end -------------------------------------------------------------------------------------

def test_the_limit_is_announced(stage):
    with visit(stage) as visitor:
        assert visitor.settings[Setting.MAX_CONCURRENT_STREAMS] == STREAMS
        assert visitor.settings.get(Setting.MAX_FRAME_SIZE, MAX_FRAME) >= MAX_FRAME


def test_streams_beyond_the_limit_are_refused(stage, gate_of_scene):
    """And may be tried again; the others are served."""
    stage.app.play("/attack", lambda v: (v.body(), gate_of_scene.wait(PATIENCE), v.reply(body=b"ok")))
    with besieged(stage, at_most=STREAMS + 5, strict=True) as attacker:
        streams = [attacker.open(head("GET", "/attack")) for _ in range(STREAMS + 5)]
        for stream in streams[STREAMS:]:
            attacker.refused(stream, Code.REFUSED_STREAM)
        gate_of_scene.set()
        for stream in streams[:STREAMS]:
            assert attacker.answer(stream).status == 200
        for stream in [attacker.open(head("GET", "/attack")) for _ in range(5)]:
            assert attacker.answer(stream).status == 200


def test_bodies_that_never_come(stage):
    """As many uploads as allowed, and not a byte in any: timeouts.body."""
    with besieged(stage, at_most=STREAMS) as attacker:
        streams = range(1, 2 * STREAMS, 2)
        for stream in streams:
            attacker.expect(stream)
        attacker.send(*(opened(stream) for stream in streams))
        attacker.until(lambda: attacker.ended or all(attacker.answers[s].over for s in streams), "the end of each")
        assert {a.status for a in attacker.answers.values()} <= {408, None}
    asked = stage.app.to("/attack")[-STREAMS:]
    for one in asked:
        stage.app.wait_done(one)
    assert not any(v.request.complete for v in asked)


def test_bodies_that_stop(stage):
    with besieged(stage, at_most=STREAMS) as attacker:
        streams = range(1, 2 * STREAMS, 2)
        for stream in streams:
            attacker.expect(stream)
        attacker.send(*(opened(stream) + data(stream, b"hello") for stream in streams))
        attacker.until(lambda: attacker.ended or all(attacker.answers[s].over for s in streams), "the end of each")
    asked = stage.app.to("/attack")[-STREAMS:]
    for one in asked:
        stage.app.wait_done(one)
    assert not any(v.request.complete for v in asked)


def test_more_than_the_window(stage, gate_of_scene):
    """The application reads nothing, the client sends on all the same."""
    stage.app.play("/attack", lambda v: gate_of_scene.wait(PATIENCE))
    with besieged(stage, at_most=1) as attacker:
        attacker.send(opened(1))
        sent = attacker.flood(data(1, bytes(MAX_FRAME)) * 4_000)
        assert_ended(attacker, cases.FLOW)
        assert sent < 64 << 20
        gate_of_scene.set()


def test_more_than_the_window_of_a_stream(stage, gate_of_scene):
    """The connection's window may be larger; the stream's must be kept too, whatever it is."""
    stage.app.play("/attack", lambda v: gate_of_scene.wait(PATIENCE))
    with besieged(stage, at_most=1) as attacker:
        attacker.expect(1)
        attacker.send(opened(1))
        beyond = attacker.settings.get(Setting.INITIAL_WINDOW_SIZE, WINDOW) + 1
        attacker.flood(*(data(1, bytes(min(MAX_FRAME, beyond - at))) for at in range(0, beyond, MAX_FRAME)))
        attacker.until(lambda: attacker.answers[1].over or attacker.ended or attacker.last_goaway, "a refusal")
        if attacker.answers[1].over:
            assert attacker.answers[1].reset == Code.FLOW_CONTROL_ERROR
        else:
            assert_ended(attacker, cases.FLOW)
        gate_of_scene.set()


def test_an_upload_in_single_bytes(stage):
    """Wasteful, but an upload: taken, or refused as a flood."""
    with besieged(stage, at_most=1) as attacker:
        attacker.expect(1)
        attacker.send(opened(1))
        attacker.flood(data(1, b"x") * 5_000, data(1, b"x", True))
        try:
            assert attacker.answer(1).status == 200
            assert stage.app.last("/attack").request.body == b"x" * 5_001
        except Ended:
            assert_ended(attacker, cases.CALM)


# --- slow clients --------------------------------------------------------------------------------------------

BEGUN = PREFACE + settings()
SLOW = {
    "silence": b"",
    "one-byte": b"P",
    "half-a-preface": PREFACE[:12],
    "preface-without-settings": PREFACE,
    "half-a-frame-header": PREFACE + settings()[:4],
    "settings-without-payload": PREFACE + frame(4, 0, 0, b"", length=60),
    "half-a-frame-header-later": BEGUN + b"\0\0",
    "half-a-ping": BEGUN + ping()[:12],
    "headers-without-payload": BEGUN + frame(1, 4, 1, b"", length=100),
    "half-of-headers": BEGUN + headers(1, GET)[:-5],
    "headers-without-continuation": BEGUN + headers(1, GET, whole=False),
    "continuation-without-end": BEGUN + headers(1, GET[:5], whole=False) + continuation(1, GET[5:9], False),
    "half-of-a-continuation": BEGUN + headers(1, GET[:5], whole=False) + continuation(1, GET[5:])[:-3],
    "half-an-unknown-frame": BEGUN + frame(0xbe, 0, 0, bytes(10), length=1_000),
    "half-of-data": BEGUN + headers(1, POST, end=False) + data(1, b"hello")[:-2],
    "half-of-the-second-request": BEGUN + headers(1, block(head("GET", "/neighbour"))) + headers(3, GET)[:-5],
}


@pytest.fixture(scope="module")
def sloths(theatre):
    """All the slow clients at once: they take the time of one."""
    theatre.open()
    there = {name: Http2Client(theatre.sluice["h2c"], shake=False, strict=False) for name in SLOW}
    for name, sloth in there.items():
        sloth.send(SLOW[name])
    yield there, time.monotonic()
    for sloth in there.values():
        sloth.close()


@pytest.mark.parametrize("name", SLOW)
def test_half_things_do_not_stay(stage, sloths, name):
    """Gone after timeouts.header, .body or at the latest .idle; a request that is not whole is not passed on."""
    sloth, begun = sloths[0][name], sloths[1]
    sloth.rest()
    code = sloth.last_goaway.code if sloth.last_goaway else Code.NO_ERROR
    assert code in (Code.NO_ERROR, Code.PROTOCOL_ERROR, Code.ENHANCE_YOUR_CALM, Code.SETTINGS_TIMEOUT), sloth.story()
    assert time.monotonic() - begun < PATIENCE
    assert not any(v.request.complete for v in stage.app.to("/attack") if v.request.method == "GET" and len(stage.app.visits) < 3)


def test_a_head_that_drips(stage):
    """Every byte in time, the whole never: timeouts.header counts from the first."""
    with besieged(stage) as attacker:
        begun = time.monotonic()
        for byte in headers(1, GET + literal("a", "b" * 1_000)):
            if not attacker.try_send(bytes([byte])):
                break
            try:
                if attacker.wait_frame(lambda f: f.kind in (1, 3, 7), "an end", patience=0.05) or attacker.ended:
                    break
            except AssertionError:
                pass
        assert time.monotonic() - begun < 10, "a kilobyte at 20 bytes a second"
        attacker.rest()


def test_continuations_that_drip(stage):
    with besieged(stage) as attacker:
        begun = time.monotonic()
        attacker.send(headers(1, GET, whole=False))
        for _ in range(CONTINUATIONS - 1):
            if not attacker.try_send(continuation(1, b"", False)):
                break
            try:
                if attacker.wait_frame(lambda f: f.kind in (1, 3, 7), "an end", patience=0.3) or attacker.ended:
                    break
            except AssertionError:
                pass
        assert time.monotonic() - begun < 4
        attacker.rest()


# --- clients that do not take their answers ------------------------------------------------------------------

def large_answer(v):
    try:
        v.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE)
        for _ in range(LARGE >> 16):
            v.send(bytes(1 << 16))
    except OSError:
        v.connection.closed = True  # cut off, as it should be
        raise


def ask_for_much(attacker, count=1):
    streams = [attacker.next_stream + 2 * i for i in range(count)]
    for stream in streams:
        attacker.expect(stream)
    attacker.send(*(headers(stream, GET) for stream in streams))
    for stream in streams:
        attacker.status(stream)


def no_window(attacker):
    ask_for_much(attacker, 10)


def no_window_for_the_connection(attacker):
    attacker.announce(initial_window_size=MAX_WINDOW)
    ask_for_much(attacker, 10)


def one_byte(attacker):
    ask_for_much(attacker, 10)


def taken_back(attacker):
    """A window that was there when the answer began, and then is not."""
    attacker.announce(initial_window_size=WINDOW)
    ask_for_much(attacker)
    attacker.announce(initial_window_size=0)


STALLS = {  # what is announced at first, then done
    "no-window": (dict(initial_window_size=0), no_window),
    "no-window-for-the-connection": ({}, no_window_for_the_connection),
    "one-byte": (dict(initial_window_size=1), one_byte),
    "window-taken-back": ({}, taken_back),
}


@pytest.fixture(scope="module")
def stalls(theatre):
    theatre.open()
    theatre.app.play("/attack", large_answer)
    memory = theatre.sluice.resident()
    there = {}
    for name, (announce, act) in STALLS.items():
        there[name] = Http2Client(theatre.sluice["h2c"], strict=False, replenish=False, announce=announce)
        act(there[name])
    yield there, memory
    for one in there.values():
        one.close()


@pytest.mark.parametrize("name", STALLS)
def test_a_stalled_answer_does_not_stay(stage, stalls, name):
    """Nobody takes it for timeouts.body: the stream, or the connection, is ended, and the application let go."""
    attacker, memory = stalls[0][name], stalls[1]
    attacker.until(lambda: attacker.ended or all(a.over for a in attacker.answers.values()), "the end of the answers")
    assert not any(a.ended for a in attacker.answers.values()), "cut off, and yet a clean end"
    if attacker.ended or attacker.last_goaway:
        assert_ended(attacker, cases.CALM)
    wait_until(lambda: all(v.done for v in stage.app.to("/attack") if v.request.start_line.startswith("GET")), "the release")
    assert stage.sluice.resident() - memory < MEMORY
    with visit(stage) as visitor:
        assert visitor.get("/neighbour").status == 200


def test_windows_opened_byte_by_byte(stage):
    """Each WINDOW_UPDATE brings one byte. It may be served so, or refused as a flood; it must not cost much."""
    stage.app.play("/attack", lambda v: v.reply(body=b"x" * 3_000))
    with besieged(stage, at_most=1, announce={"initial_window_size": 0}, replenish=False) as attacker:
        attacker.expect(1)
        attacker.send(headers(1, GET))
        attacker.status(1)
        attacker.flood(window_update(1, 1) * 3_000)
        try:
            assert len(attacker.answer(1).body) == 3_000
        except Ended:
            assert_ended(attacker, cases.CALM)


def test_a_client_that_never_reads(stage):
    """Windows as large as they get, and nobody who empties the socket."""
    stage.app.play("/attack", large_answer)
    with besieged(stage, at_most=10, announce={"initial_window_size": MAX_WINDOW}, replenish=False,
                  receive_buffer=64 << 10) as attacker:
        attacker.send(window_update(0, MAX_WINDOW - WINDOW), *(headers(s, GET) for s in range(1, 20, 2)))
        stage.app.wait(lambda: len(stage.app.to("/attack")) >= 10, "the requests")
        wait_until(lambda: all(v.done for v in stage.app.to("/attack")[-10:]), "the application to be let go")
        assert stage.sluice.resident() < 512 << 20


def test_answers_given_up_while_they_come(stage):
    """Many large answers, each cancelled after the first bytes: nothing is kept of them."""
    stage.app.play("/attack", large_answer)
    with besieged(stage, at_most=30, strict=True) as attacker:
        for _ in range(30):
            stream = attacker.open(head("GET", "/attack"))
            attacker.until(lambda s=stream: attacker.answers[s].body, "the first bytes")
            attacker.send(rst_stream(stream))
            attacker.answers[stream].reset = Code.CANCEL
            attacker.strict = False  # DATA may still be on its way
        attacker.sync()
        wait_until(lambda: all(v.done for v in stage.app.to("/attack")[-30:]), "the application to be let go")


# --- ends and after ------------------------------------------------------------------------------------------

def test_goaway_lets_the_rest_finish(stage, gate_of_scene):
    stage.app.play("/attack", lambda v: (gate_of_scene.wait(PATIENCE), v.reply(body=b"in the end")))
    with besieged(stage, at_most=1, strict=True) as attacker:
        stream = attacker.open(head("GET", "/attack"))
        stage.app.wait(lambda: stage.app.to("/attack"), "the request")
        attacker.send(goaway())
        gate_of_scene.set()
        assert attacker.answer(stream).body == b"in the end"
        attacker.rest()


def test_goaway_and_then_more(stage):
    """The client said goodbye; whatever it asks afterwards is served or not, but the connection ends."""
    with besieged(stage, at_most=10) as attacker:
        attacker.try_send(goaway(), *(headers(s, GET) for s in range(1, 20, 2)))
        attacker.half_close()
        attacker.rest()


def test_half_closing_lets_the_rest_finish(stage, gate_of_scene):
    stage.app.play("/attack", lambda v: (gate_of_scene.wait(PATIENCE), v.reply(body=b"in the end")))
    with besieged(stage, at_most=1, strict=True) as attacker:
        stream = attacker.open(head("GET", "/attack"))
        stage.app.wait(lambda: stage.app.to("/attack"), "the request")
        attacker.half_close()
        gate_of_scene.set()
        try:
            assert attacker.answer(stream).body == b"in the end"
        except Ended:
            pass  # a client of HTTP/2 has no reason to half-close; ending at once is fine too
        attacker.rest()


def test_vanishing_in_the_middle_of_everything(stage):
    """A TCP reset at many places; nothing stays behind."""
    whole = (PREFACE + settings() + headers(1, POST, end=False) + data(1, b"hello") + headers(3, GET[:9], whole=False)
             + continuation(3, GET[9:]) + ping() + priority(5) + data(1, b"", True))
    with besieged(stage, at_most=400):
        for length in range(0, len(whole), 7):
            one = visit(stage, shake=False, strict=False)
            one.send(whole[:length])
            one.reset() if length % 2 else one.close()


def test_http_1_is_not_spoken_here(stage):
    with besieged(stage):
        with RawClient(stage.sluice["h2c"]) as visitor:
            visitor.try_send(b"GET /attack HTTP/1.1\r\nHost: app.test\r\n\r\n")
            assert b" 200 " not in visitor.rest()


def test_http_2_is_not_spoken_on_a_plain_port(stage):
    with besieged(stage):
        with RawClient(stage.sluice["http"]) as visitor:
            visitor.try_send(BEGUN + headers(1, GET))
            assert visitor.response().status == 505
            visitor.rest()


# --- many, and at random -------------------------------------------------------------------------------------

def noise(dice):
    """A frame that may be anything."""
    kind = dice.choice([*range(10), *range(10), dice.randrange(256)])
    payload = dice.choice([b"", GET, POST, bytes(4), bytes(5), bytes(6), bytes(8), dice.randbytes(dice.randrange(40)),
                           b"\0\0\0" + bytes([dice.randrange(4)])])
    stream = dice.choice([0, 1, 3, 5, 7, 2, dice.randrange(1 << 32)])
    return frame(kind, dice.choice([0, 1, 4, 5, 8, 0x20, dice.randrange(256)]), stream, payload)


@pytest.mark.parametrize("seed", range(10))
def test_noise(stage, seed):
    dice = random.Random(seed)
    with besieged(stage, at_most=1_000):
        for _ in range(20):
            with visit(stage, shake=False, strict=False) as attacker:
                attacker.flood(dice.choice([PREFACE, BEGUN]), *(noise(dice) for _ in range(dice.randrange(1, 60))))
                attacker.half_close()
                if dice.random() < 0.5:
                    attacker.reset()


@pytest.mark.parametrize("seed", range(4))
def test_mutations(stage, seed):
    """A proper conversation with a few bytes changed."""
    dice = random.Random(seed)
    good = BEGUN + headers(1, POST, end=False, pad=3) + data(1, b"hello", pad=2) + ping() + window_update(1, 9) + priority(3) \
        + headers(1, block([("x-a", "b")])) + headers(3, GET[:9], whole=False) + continuation(3, GET[9:])
    with besieged(stage, at_most=1_000, only=False):
        for _ in range(40):
            bad = bytearray(good)
            for _ in range(dice.randrange(1, 4)):
                bad[dice.randrange(len(bad))] = dice.randrange(256)
            with visit(stage, shake=False, strict=False) as attacker:
                attacker.flood(bytes(bad))
                attacker.half_close()
        stage.app.scripts.clear()


def test_many_attackers_at_once(stage):
    """Different attacks side by side; the neighbour is served all the while."""
    chosen = [case for case in cases.floods + cases.continuations if case.listens][::4]
    with besieged(stage, at_most=sum(case.at_most for case in chosen)):
        def attack(case):
            with visit(stage, strict=False) as attacker:
                attacker.flood(case.sent)

        threads = [threading.Thread(target=attack, args=(case,)) for case in chosen]
        for thread in threads:
            thread.start()
        with visit(stage) as neighbour:
            for _ in range(50):
                assert neighbour.get("/neighbour").status == 200
        for thread in threads:
            thread.join()
