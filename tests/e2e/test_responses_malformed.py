"""An application that speaks nonsense costs its visitor a 502, never a misread answer; and nobody else anything.

The tables are in cases_responses.py.
"""

import re
import threading

import pytest

from cases_responses import BROKEN_OFF, CLOSE, EVIL, PASSED, REFUSED, RESET, ok
from upstream import await_close, break_off, close, steps
from waiting import wait_until
from wire import Incomplete

ENDINGS = {CLOSE: close, RESET: break_off, "wait": await_close}


def ask(visitor, case):
    lines = [case.ask.decode() + " /case HTTP/1.1", "Host: app.test", *case.fields]
    visitor.send("\r\n".join(lines).encode() + b"\r\n\r\n")


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_becomes_502(stage, case):
    stage.app.play("/case", steps(case.data, ENDINGS[case.then]))
    with stage.connect() as visitor:
        ask(visitor, case)
        answer = visitor.response(to=case.ask.decode(), interim=True)
        passed = 0
        while answer.status < 200 and answer.status != 101:  # interim answers in front of the fault may pass
            passed += 1
            answer = visitor.response(to=case.ask.decode(), interim=True)
        assert answer.status == 502, f"answered {answer.start_line} {answer.fields} {answer.body[:300]!r}"
        assert re.search(r"\berror=[a-z_]+", answer.get("Proxy-Status") or ""), answer.fields
        assert answer.get("X-Request-ID")
        told = re.search(r'details="([a-z0-9-]+): .* \(server ([0-9.:]+) of pool app\)"', answer.get("Proxy-Status"))
        assert (told[1] if told else "") == case.rule, answer.get("Proxy-Status")
        assert not told or told[2] == stage.app.address
        assert not answer.all("X-Evil") and b"evil" not in answer.body
        assert passed < 200, "a flood of interim answers went through"
        if answer.keeps_alive:
            visitor.half_close()
        visitor.closed_cleanly()
    stage.curtain_call()


@pytest.mark.parametrize("case", BROKEN_OFF, ids=str)
def test_breaks_off_visibly(stage, case):
    stage.app.play("/case", steps(case.data, ENDINGS[case.then]))
    before = stage.sluice.refused()
    with stage.connect() as visitor:
        ask(visitor, case)
        try:
            answer = visitor.response()
            assert answer.status == 502, f"the client took this for whole: {answer.start_line} {answer.body[:300]!r}"
        except Incomplete as broken:
            assert set(broken.partial) <= set(b"helox!\r"), broken.partial[:300]
    if case.rule:
        wait_until(lambda: stage.sluice.refused(before) == {("upstream", case.rule): 1}, f"{case.rule} in the metric")
    stage.curtain_call()


@pytest.mark.parametrize("case", PASSED, ids=str)
def test_odd_but_proper_passes(stage, case):
    stage.app.play("/case", steps(case.data, *([ENDINGS[case.then]] if case.then != "wait" else [])))
    with stage.connect() as visitor:
        ask(visitor, case)
        answer = visitor.response(to=case.ask.decode())
        assert (answer.status, answer.body) == (case.status, case.body), answer.get("Proxy-Status")
        assert tuple(answer.trailers) == case.trailers
        for name, value in case.shows.items():
            assert answer.get(name) == value
        visitor.half_close()
        visitor.closed_cleanly()
    stage.curtain_call()


def test_there_are_enough_of_them():
    assert len(REFUSED) + len(BROKEN_OFF) >= 80
    names = [case.name for case in REFUSED + BROKEN_OFF]
    assert len(set(names)) == len(names)


# --- bytes behind a complete answer: they must never become anybody's answer -----------------------------------

POISON = {
    "behind-length": ok("Content-Length: 2", body=b"ok") + EVIL,
    "behind-length-zero": ok("Content-Length: 0") + EVIL,
    "behind-chunked": ok("Transfer-Encoding: chunked", body=b"2\r\nok\r\n0\r\n\r\n") + EVIL,
    "behind-204": ok(status="HTTP/1.1 204 No Content") + EVIL,
    "behind-304": ok("Content-Length: 2", status="HTTP/1.1 304 Not Modified") + EVIL,
    "behind-crlf": ok("Content-Length: 2", body=b"ok") + b"\r\n" + EVIL,
    "one-byte": ok("Content-Length: 2", body=b"ok") + b"x",
    "crlf-only": ok("Content-Length: 2", body=b"ok") + b"\r\n",
    "body-behind-204": ok(status="HTTP/1.1 204 No Content") + b"hello",
}

# What came before it was whole, and is passed on.
EXPECTED = {**dict.fromkeys(POISON, (200, b"ok")), "behind-length-zero": (200, b""), "behind-304": (304, b""),
            **dict.fromkeys(["behind-204", "body-behind-204"], (204, b""))}


@pytest.mark.parametrize("name", POISON)
def test_garbage_behind_an_answer_is_nobodys_answer(stage, name):
    stage.app.play("/case", POISON[name])
    with stage.connect() as victim:
        first = victim.get("/case")
        assert (first.status, first.body) == EXPECTED[name]
        poisoned = stage.app.last("/case").connection
        for number in range(4):
            assert_honest(stage, victim if first.keeps_alive else None, number)
        assert all(v.connection is not poisoned for v in stage.app.to("/honest")[-4:]), "a poisoned connection was used again"


@pytest.mark.parametrize("extra", [EVIL, b"x", b"\r\n"], ids=["answer", "byte", "crlf"])
def test_garbage_that_comes_later_is_nobodys_answer(stage, extra):
    """The connection rests in the pool when the application starts talking unasked."""
    sent, go = threading.Event(), threading.Event()

    def script(visit):
        visit.reply(body=b"ok")
        go.wait(30)
        try:
            visit.send(extra)
        except OSError:
            pass
        sent.set()

    stage.app.play("/case", script)
    with stage.connect() as victim:
        assert victim.get("/case").body == b"ok"
        go.set()
        assert sent.wait(30)
        for number in range(4):
            assert_honest(stage, victim, number)


def test_body_behind_an_answer_to_head(stage):
    """The application forgot that HEAD has no body: what follows is garbage, not the next answer."""
    stage.app.play("/case", ok("Content-Length: 72") + EVIL)
    with stage.connect() as victim:
        answer = victim.request("HEAD", "/case")
        assert answer.status == 200
        for number in range(4):
            assert_honest(stage, victim if answer.keeps_alive else None, number)


def assert_honest(stage, visitor, number):
    """`visitor`, and a new one, get what they asked for."""
    stage.app.play("/honest", lambda visit: visit.reply(body=visit.request.target.encode()))
    for who in filter(None, (visitor, stage.connect())):
        target = f"/honest?{number}"
        answer = who.get(target)
        assert (answer.status, answer.body) == (200, target.encode()), f"got {answer.start_line} {answer.fields} {answer.body!r}"
        assert not answer.all("X-Evil")
        if who is not visitor:
            who.close()


def test_an_early_answer_with_a_fault_does_not_hurt_the_next(stage):
    """Application answers nonsense before the request body came: 502, and the rest of the body is no request."""
    stage.app.play("/case", lambda visit: (visit.send(b"garbage\r\n\r\n"), visit.wait_for_close(), visit.close()))
    with stage.connect() as visitor:
        visitor.send(b"POST /case HTTP/1.1\r\nHost: app.test\r\nContent-Length: 60\r\n\r\n" + b"x" * 10)
        assert visitor.response().status == 502
        visitor.try_send(b"GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n".ljust(50))
        visitor.half_close()
        visitor.closed_cleanly()
    stage.curtain_call()
    assert not stage.app.to("/smuggled")
