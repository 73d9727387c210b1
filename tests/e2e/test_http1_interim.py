"""What happens before the answer: 100-continue, early hints; and answers that come before the request is whole."""

import threading

import pytest

from client import RawClient
from sluice import config
from waiting import PATIENCE

EXPECT = b"POST /up HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"


def test_continue_is_relayed_and_the_body_follows(stage):
    def script(visit):
        visit.reply(100)
        visit.body()
        visit.reply(body=b"thanks")

    stage.app.play("/up", script)
    with stage.connect() as visitor:
        for _ in range(2):
            visitor.send(EXPECT)
            assert visitor.response(interim=True).status == 100
            visitor.send(b"hello")
            assert visitor.response(interim=True).body == b"thanks"
    assert stage.app.last("/up").request.body == b"hello"


@pytest.mark.parametrize("status", [401, 413, 417, 307])
def test_refusal_is_relayed_instead(stage, status):
    """The application says no before the body came: the client gets that, and no 100."""
    stage.app.play("/up", lambda visit: (visit.reply(status, body=b"no"), visit.wait_for_close()))
    with stage.connect() as visitor:
        visitor.send(EXPECT)
        answer = visitor.response(interim=True)
        assert (answer.status, answer.body) == (status, b"no")
        if not answer.keeps_alive:
            visitor.closed_cleanly()
        # A client that sends the body all the same must not have it taken for a request.
        visitor.try_send(b"hello")
        visitor.half_close()
        rest = visitor.rest()
        assert rest == b"", rest
    stage.curtain_call()


def test_a_client_that_does_not_wait_for_continue(stage):
    stage.app.play("/up", lambda visit: (visit.reply(100), visit.body(), visit.reply(body=b"thanks")))
    with stage.connect() as visitor:
        visitor.send(EXPECT + b"hello")
        assert visitor.response().body == b"thanks"
        assert visitor.get("/next").status == 200
    assert stage.app.last("/up").request.body == b"hello"


def test_continue_with_a_chunked_body(stage):
    stage.app.play("/up", lambda visit: (visit.reply(100), visit.body(), visit.reply(body=b"thanks")))
    with stage.connect() as visitor:
        visitor.send(EXPECT.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked"))
        assert visitor.response(interim=True).status == 100
        visitor.send(b"5\r\nhello\r\n0\r\n\r\n")
        assert visitor.response(interim=True).body == b"thanks"


def test_an_http_1_0_client_gets_no_interim_answer(stage):
    stage.app.play("/hints", lambda visit: (visit.reply(103, fields=["Link: </a.css>"]), visit.reply(body=b"ok")))
    with stage.connect() as visitor:
        visitor.send(b"GET /hints HTTP/1.0\r\nHost: app.test\r\n\r\n")
        answer = visitor.response(interim=True)
        assert (answer.status, answer.body) == (200, b"ok")


def test_early_hints_pass_when_they_come(stage):
    """Hints reach the client while the application still works on the answer."""
    gate = threading.Event()

    def script(visit):
        visit.reply(103, fields=["Link: </a.css>; rel=preload"])
        visit.reply(103, fields=["Link: </b.css>; rel=preload"])
        gate.wait(PATIENCE)
        visit.reply(body=b"ok")

    stage.app.play("/hints", script)
    with stage.connect() as visitor:
        visitor.send(b"GET /hints HTTP/1.1\r\nHost: app.test\r\n\r\n")
        first, second = visitor.response(interim=True), visitor.response(interim=True)
        assert [first.status, second.status] == [103, 103]
        assert [first.get("Link"), second.get("Link")] == ["</a.css>; rel=preload", "</b.css>; rel=preload"]
        gate.set()
        assert visitor.response(interim=True).body == b"ok"


def test_unknown_interim_answers_pass_or_vanish(stage):
    stage.app.play("/hm", lambda visit: (visit.reply(110), visit.reply(body=b"ok")))
    with stage.connect() as visitor:
        assert visitor.get("/hm").body == b"ok"
        assert visitor.get("/next").status == 200


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("then", ["closes", "keeps reading"])
def test_an_early_answer_reaches_a_client_that_is_still_sending(start, app, framing, then):
    """The application refuses in the middle of a large upload. The client sends on for a while before it looks."""
    def refuse(visit):
        visit.reply(413, body=b"too much", fields=["Connection: close"] if then == "closes" else [])
        if then == "closes":
            visit.close()
        else:
            visit.body()

    app.play("/up", refuse)
    sluice = start(config(app))
    with RawClient(sluice["http"]) as visitor:
        if framing == "length":
            visitor.send(b"POST /up HTTP/1.1\r\nHost: app.test\r\nContent-Length: 100000000\r\n\r\n")
            piece = b"x" * 65536
        else:
            visitor.send(b"POST /up HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n")
            piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        app.wait_visits(1)
        visitor.sock.settimeout(5)  # Sluice may stop reading: then the client stops sending
        try:
            for _ in range(32):
                if not visitor.try_send(piece):
                    break
        except TimeoutError:
            pass
        visitor.sock.settimeout(PATIENCE)
        answer = visitor.response(interim=True)
        assert (answer.status, answer.body) == (413, b"too much")


def test_an_early_answer_in_full_lets_the_upload_finish(stage):
    """Answered early, but the application reads on: a well-behaved client finishes and goes on."""
    stage.app.play("/up", lambda visit: (visit.reply(body=b"already"), visit.body()))
    with stage.connect() as visitor:
        visitor.send(b"POST /up HTTP/1.1\r\nHost: app.test\r\nContent-Length: 10\r\n\r\nhello")
        answer = visitor.response()
        assert answer.body == b"already"
        visitor.try_send(b"world")
        if answer.keeps_alive:
            assert visitor.get("/next").status == 200
        else:
            visitor.closed_cleanly()
