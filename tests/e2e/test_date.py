"""Date (RFC 9110 §6.6.1): on every final answer, the server's own where it has one."""

import datetime
from email.utils import parsedate_to_datetime

import pytest

from certs import entry
from client import RawClient, trusting
from failing import LISTENERS, is_h2
from http2 import Http2Client
from ports import closed_port
from sluice import config, pool

OWN = "Mon, 01 Jan 2001 00:00:00 GMT"


@pytest.fixture
def edge(start, app, h2apps):
    h2 = h2apps()
    for one in (app, h2):
        one.play("/h1/own", lambda v: v.reply(body=b"x", fields=[f"Date: {OWN}"]))
        one.play("/h2/own", lambda v: v.reply(200, f"date: {OWN}", body=b"x"))
        one.play("/h1/named", lambda v: v.reply(body=b"x", fields=[f"Date: {OWN}", "Connection: Date"]))
        for up in ("h1", "h2"):
            one.play(f"/{up}/empty", lambda v: v.reply(204))
            one.play(f"/{up}/unchanged", lambda v: v.reply(304))
            one.play(f"/{up}/chunked", lambda v: v.reply(200, body=b"x", length=False) if is_h2(v) else v.reply(body=b"x", chunked=True))
            one.play(f"/{up}/early", lambda v: (v.head(103, "link: </a>") if is_h2(v) else v.reply(103, fields=["Link: </a>"]),
                                                v.reply(body=b"x")))
    return start(config(listeners=LISTENERS,
                        pools={"h1": pool(app), "h2": pool(h2, protocol="h2"), "gone": pool(f"127.0.0.1:{closed_port()}")},
                        routes=[{"path": "/h1/", "pool": "h1"}, {"path": "/h2/", "pool": "h2"}, {"path": "/gone", "pool": "gone"}]))


def ask(sluice, down, path):
    if down == "h2":
        with Http2Client(sluice["h2c"]) as visitor:
            return visitor.get(path)
    with sluice.connect() as visitor:
        return visitor.get(path)


def assert_now(answer):
    made = parsedate_to_datetime(answer.get("Date"))
    assert answer.get("Date").endswith(" GMT")
    assert abs(datetime.datetime.now(datetime.timezone.utc) - made) < datetime.timedelta(minutes=5)


@pytest.mark.parametrize("down", ["h1", "h2"])
@pytest.mark.parametrize("up", ["h1", "h2"])
@pytest.mark.parametrize("what,status", [("plain", 200), ("empty", 204), ("unchanged", 304), ("chunked", 200), ("early", 200)])
def test_a_server_without_one_gets_ours(edge, down, up, what, status):
    answer = ask(edge, down, f"/{up}/{what}")
    assert answer.status == status
    assert_now(answer)


@pytest.mark.parametrize("down", ["h1", "h2"])
@pytest.mark.parametrize("up", ["h1", "h2"])
def test_a_servers_own_is_kept(edge, down, up):
    assert ask(edge, down, f"/{up}/own").all("Date") == [OWN]


@pytest.mark.parametrize("down", ["h1", "h2"])
def test_one_that_concerned_the_hop_alone_is_replaced(edge, down):
    assert_now(ask(edge, down, "/h1/named"))


@pytest.mark.parametrize("down", ["h1", "h2"])
@pytest.mark.parametrize("path,status", [("/nowhere", 404), ("/gone", 502), ("/h1/../x", 400)])
def test_our_own_answers_have_it(edge, down, path, status):
    answer = ask(edge, down, path)
    assert answer.status == status
    assert_now(answer)


def test_an_interim_answer_has_none(edge):
    with edge.connect() as visitor:
        visitor.send(b"GET /h1/early HTTP/1.1\r\nHost: app.test\r\n\r\n")
        hint = visitor.response(interim=True)
        assert (hint.status, hint.all("Date")) == (103, [])
        assert_now(visitor.response())


def test_a_redirect_has_it(start, app, authority):
    sluice = start(config(app, listeners={"http": {"address": "127.0.0.1:0", "redirect": "https"},
                                          "https": {"address": "127.0.0.1:0", "tls": True}},
                          tls={"certificates": [entry(authority.leaf("app.test"))]}))
    answer = sluice.get("/x")
    assert answer.status == 308
    assert_now(answer)
    with RawClient(sluice["https"], tls=trusting(), server_name="app.test") as visitor:
        assert_now(visitor.get("/x"))
