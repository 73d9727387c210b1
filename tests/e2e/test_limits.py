"""Rates: exactly as many as the limit has, whoever asks by whatever wire; and what clients are told of it."""

import itertools
import json
import threading
import time

import pytest

from certs import entry
from http2 import Http2Client
from limited import HOUR, at_most, left, limited, members, rejected
from peers import Load

NUMBERS = itertools.count(1)
STANDARD = {"standard": {"rate": HOUR, "burst": 100, "key": "tenant"}}
TENANTS = {"from_host": "{tenant}.example.com", "defaults": {"pool": "app", "limits": ["standard"]},
           "items": {"acme": {}, "umbrella": {}}}


def statuses(sluice, count, *fields, host="acme.example.com", target="/"):
    with sluice.connect() as client:
        return [client.get(target, *fields, host=host).status for _ in range(count)]


# --- exact -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("wire", ["http1", "http2", "tls"])
def test_as_many_as_the_burst_pass_on_all_workers_together(start, app, authority, wire):
    listeners = {"http": "127.0.0.1:0", "h2c": {"address": "127.0.0.1:0", "protocols": ["h2c"]},
                 "https": {"address": "127.0.0.1:0", "tls": True}}
    sluice = start(limited(app, limits=STANDARD, routes=[], tenants=TENANTS, listeners=listeners,
                           tls={"certificates": [entry(authority.leaf("*.example.com"))]}))
    listener, options = {"http1": ("http", ["--h1"]), "http2": ("h2c", []), "tls": ("https", [])}[wire]
    scheme = "https" if wire == "tls" else "http"
    load = Load(f"{scheme}://{sluice[listener]}/", 1500, connections=12, streams=1 if wire == "http1" else 5,
                authority="acme.example.com", options=options)
    try:
        passed, refused, _ = load.result()
    finally:
        load.stop()
    assert (passed, refused) == (100, 1400)
    assert rejected(sluice) == {("standard", "acme"): 1400}
    assert len(app.visits) == 100


def test_what_comes_back_passes_and_no_more(start, app):
    """Judged by what time there was, not by how much that ought to have been."""
    sluice = start(limited(app, limits={"quick": {"rate": "3/s", "burst": 20, "key": "host"}}))
    passed, empty_at, passed_before = 0, None, None
    with sluice.connect() as client:
        begun = time.monotonic()
        while True:
            asked = time.monotonic()
            status = client.get().status
            answered = time.monotonic()
            if status == 200:
                passed += 1
            elif empty_at is None:
                empty_at, passed_before = answered, passed
            elif passed >= passed_before + 5:
                break
    assert passed <= at_most(20, 3, answered - begun)
    assert passed - passed_before >= at_most(0, 3, asked - empty_at) - 1


def test_a_thousand_tenants_at_once_have_one_limit_each(start, app):
    sluice = start(limited(app, limits={"standard": {"rate": HOUR, "burst": 3, "key": "tenant"}}, routes=[], tenants=TENANTS))
    passed = [0] * 1000

    def visit(first):
        with sluice.connect() as client:
            for _ in range(5):
                for tenant in range(first, 1000, 8):
                    status = client.get(host=f"tenant-{tenant}.example.com").status
                    assert status in (200, 429)
                    passed[tenant] += status == 200

    # Two threads to a tenant, over connections of their own.
    threads = [threading.Thread(target=visit, args=(n % 8,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert passed == [3] * 1000
    rows = rejected(sluice)
    assert sum(rows.values()) == 1000 * 7
    assert len(rows) == 101 and ("standard", "_other") in rows


def test_retry_after_leads_to_success(start, app):
    sluice = start(limited(app, limits={"slow": {"rate": "1/s", "burst": 2, "key": "host"},
                                        "slower": {"rate": "40/m", "burst": 2, "key": "host"}}))
    with sluice.connect() as client:
        for _ in range(3):
            while (answer := client.get()).status == 200:
                pass
            assert answer.status == 429
            wait = int(answer.get("Retry-After"))
            assert 1 <= wait <= 2
            time.sleep(wait)
            assert client.get().status == 200


# --- whom --------------------------------------------------------------------------------------------------------

# What makes the key, then requests (host, target, fields) that have one bucket, and one that has another.
KEYS = {
    "tenant": ("tenant", [("acme.example.com", "/", []), ("acme.example.com", "/x", ["X-Key: 1"])], ("umbrella.example.com", "/", [])),
    "host": ("host", [("www.acme.test", "/", []), ("WWW.acme.test", "/", [])], ("api.acme.test", "/", [])),
    "path": ("path", [("acme.test", "/a", []), ("acme.test", "/%61?x=1", []), ("acme.test", "//a", [])], ("acme.test", "/b", [])),
    "header": ("header:X-Key", [("acme.test", "/", ["X-Key: 1"]), ("acme.test", "/", ["x-key: 1"])], ("acme.test", "/", ["X-Key: 2"])),
    "no header": ("header:X-Key", [("acme.test", "/", []), ("acme.test", "/x", ["X-Key:"])], ("acme.test", "/", ["X-Key: 2"])),
    "cookie": ("cookie:id", [("acme.test", "/", ["Cookie: id=1"]), ("acme.test", "/", ["Cookie: a=b; id=1"])],
               ("acme.test", "/", ["Cookie: id=2"])),
    "client": ("client_ip", [("acme.test", "/", ["X-Forwarded-For: 192.0.2.1"]), ("acme.test", "/", ["X-Forwarded-For: 6.6.6.6, 192.0.2.1"])],
               ("acme.test", "/", ["X-Forwarded-For: 192.0.2.2"])),
    "v6 client": ("client_ip", [("acme.test", "/", [f"X-Forwarded-For: 2001:db8::{n}"]) for n in ("1", "ffff:1", "a:b:c:d")],
                  ("acme.test", "/", ["X-Forwarded-For: 2001:db8:0:1::1"])),
    "tenant and client": (["tenant", "client_ip"], [("acme.example.com", "/", ["X-Forwarded-For: 192.0.2.1"])] * 2,
                          ("umbrella.example.com", "/", ["X-Forwarded-For: 192.0.2.1"])),
}


@pytest.mark.parametrize("what", KEYS)
def test_who_shares_a_bucket(start, app, what):
    key, same, other = KEYS[what]
    tenants = {"from_host": "{tenant}.example.com"}
    sluice = start(limited(app, limits={"one": {"rate": HOUR, "burst": 6, "key": key}}, tenants=tenants,
                           trusted_proxies=["127.0.0.1"]))

    def ask(host, target, fields):
        return sluice.get(target, *fields, host=host)

    assert [left(ask(*request), "one") for request in itertools.islice(itertools.cycle(same), 6)] == [5, 4, 3, 2, 1, 0]
    assert [ask(*request).status for request in same] == [429] * len(same)
    assert left(ask(*other), "one") == 5


def test_strangers_do_not_choose_their_address(start, app):
    sluice = start(limited(app, limits={"one": {"rate": HOUR, "burst": 3, "key": "client_ip"}}))
    assert [sluice.get("/", f"X-Forwarded-For: 192.0.2.{n}").status for n in range(5)] == [200] * 3 + [429] * 2


def test_one_limit_for_all_and_another_by_name(start, app):
    limits = {"standard": {"rate": HOUR, "burst": 2, "key": "tenant"}, "gold": {"rate": HOUR, "burst": 5, "key": "tenant"}}
    tenants = {"from_host": "{tenant}.example.com", "defaults": {"limits": ["standard"]}, "items": {"acme": {"limits": ["gold"]}}}
    # On a common route, which is nobody's.
    sluice = start(limited(app, limits=limits, routes=[{"pool": "app"}], tenants=tenants))
    assert statuses(sluice, 7) == [200] * 5 + [429] * 2
    assert statuses(sluice, 4, host="umbrella.example.com") == [200] * 2 + [429] * 2
    assert statuses(sluice, 4, host="nobody.test") == [200] * 4
    assert set(rejected(sluice)) == {("gold", "acme"), ("standard", "umbrella")}


def test_a_route_has_its_own_on_top(start, app):
    limits = {"standard": {"rate": HOUR, "burst": 20, "key": "tenant"}, "search": {"rate": HOUR, "burst": 2, "key": "tenant"}}
    tenants = {"from_host": "{tenant}.example.com", "defaults": {"limits": ["standard"]}}
    routes = [{"pool": "app", "path": "/search/", "limits": ["search", {"limit": "standard", "cost": 5}]}, {"pool": "app"}]
    sluice = start(limited(app, limits=limits, routes=routes, tenants=tenants))
    with sluice.connect() as client:
        answers = [client.get(target, host="acme.example.com") for target in ("/", "/search/", "/search/", "/search/", "/")]
    assert [a.status for a in answers] == [200, 200, 200, 429, 200]
    assert [left(a, "standard") for a in answers] == [19, 14, 9, 9, 8]
    assert [left(a, "search") for a in answers] == [None, 1, 0, 0, None]


def test_only_what_matches_and_is_not_exempt_counts(start, app):
    login = {"rate": HOUR, "burst": 2, "key": "client_ip",
             "match": {"path": "/api/auth/", "methods": ["POST"], "headers": {"X-Kind": "form"}},
             "exempt": {"client_ip": ["10.0.0.0/8"], "headers": {"X-Internal": "secret"}}}
    sluice = start(limited(app, limits={"login": login}, trusted_proxies=["127.0.0.1"]))
    form, client = "X-Kind: form", "X-Forwarded-For: 192.0.2.1"

    def ask(method="POST", target="/api/auth/login", *fields):
        with sluice.connect() as visitor:
            return visitor.request(method, target, *(fields or (form, client)))

    uncounted = [("GET",), ("POST", "/api/"), ("POST", "/api/auth/login", "X-Kind: json", client),
                 ("POST", "/api/auth/login", form, "X-Forwarded-For: 10.1.2.3"),
                 ("POST", "/api/auth/login", form, client, "X-Internal: secret")]
    counted = [(), ("POST", "/api/%61uth/x"), ("POST", "/api//auth/x"), ("POST", "/api/auth;v=1/x"), ("POST", "/api/auth/login", form, client, "X-Internal: wrong")]
    for request in uncounted * 2:
        answer = ask(*request)
        assert (answer.status, answer.get("RateLimit")) == (200, None), request
    assert [left(ask(*request), "login") for request in counted[:2]] == [1, 0]
    assert [ask(*request).status for request in counted] == [429] * len(counted)
    assert [ask(*request).status for request in uncounted] == [200] * len(uncounted)


# --- what is told --------------------------------------------------------------------------------------------------

TWO = {"standard": {"rate": "50/s", "burst": 100, "key": "host"}, "login": {"rate": "5/h", "burst": 5, "key": "host"}}


def test_every_answer_of_a_limited_route_tells_of_the_limits(start, app):
    """Also what Sluice makes itself, and what the application's own fields said."""
    sluice = start(limited(app, limits=TWO, routes=[{"pool": "app", "limits": ["standard", "login"]}]))
    app.play("/own", lambda v: (v.body(), v.reply(fields=["RateLimit: 1", "ratelimit-policy: 2", "X-RateLimit-Limit: 3"])))
    app.play("/dead", lambda v: (v.body(), v.close()))
    answers = [sluice.get("/"), sluice.get("/own"), sluice.get("/dead"), sluice.get("/", "Transfer-Encoding: gzip")]
    assert [a.status for a in answers] == [200, 200, 502, 400]
    assert answers.pop().get("RateLimit") is None  # it never got to a route
    for used, answer in enumerate(answers, 1):
        assert answer.get("RateLimit-Policy") == '"standard";q=100;w=2, "login";q=5;w=3600'
        assert members(answer.get("RateLimit"))["login"]["r"] == str(5 - used)
    assert answers[1].get("X-RateLimit-Limit") == "3"
    assert members(answers[0].get("RateLimit")) == {"standard": {"r": "99", "t": "1"}, "login": {"r": "4", "t": "720"}}


@pytest.mark.parametrize("wire", ["http1", "http2"])
def test_who_is_refused_is_told_why_and_when_to_come_back(start, app, wire, tmp_path):
    log = tmp_path / "access.log"
    sluice = start(limited(app, limits={"standard": {"rate": "2/h", "burst": 1, "key": "tenant"}}, routes=[], tenants=TENANTS,
                           listeners={"http": {"address": "127.0.0.1:0", "protocols": ["h2c"] if wire == "http2" else ["http/1.1"]}},
                           log={"access": str(log)}))
    if wire == "http2":
        with Http2Client(sluice["http"]) as client:
            answers = [client.get(authority="acme.example.com") for _ in range(2)]
            call = client.request("POST", "/a.B/C", "content-type: application/grpc", "te: trailers", authority="acme.example.com")
        assert (call.status, call.get("grpc-status"), call.get("grpc-message")) == (200, "8", 'limit "standard"')
    else:
        with sluice.connect() as client:
            answers = [client.get(host="acme.example.com") for _ in range(2)]
    passed, refused = answers
    assert (passed.status, passed.get("Retry-After")) == (200, None)
    assert refused.status == 429
    assert refused.get("Retry-After") == "1800"
    assert refused.get("Proxy-Status") == r'sluice; error=http_request_denied; details="limit \"standard\""'
    assert refused.get("Cache-Control") == "no-store"
    assert json.loads(bytes(refused.body))["message"] == 'limit "standard"'
    assert members(refused.get("RateLimit")) == {"standard": {"r": "0", "t": "1800"}}
    sluice.stop()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line.get("limited") for line in lines[:2]] == [None, "standard"]
    assert (lines[1]["status"], lines[1]["error"]) == (429, "http_request_denied")


def test_report_first(start, app, tmp_path):
    log = tmp_path / "access.log"
    tried = {"tried": {"rate": HOUR, "burst": 2, "key": "tenant", "mode": "report"}}
    tenants = {**TENANTS, "defaults": {"pool": "app", "limits": ["tried"]}}
    sluice = start(limited(app, limits=tried, routes=[], tenants=tenants, log={"access": str(log)}))
    with sluice.connect() as client:
        answers = [client.get(host="acme.example.com") for _ in range(5)]
    assert [(a.status, a.get("RateLimit")) for a in answers] == [(200, None)] * 5
    assert rejected(sluice) == {}
    assert rejected(sluice, "reported") == {("tried", "acme"): 3}
    sluice.stop()
    assert [json.loads(line).get("limited") for line in log.read_text().splitlines()] == [None] * 2 + ["report:tried"] * 3


# --- reloads ---------------------------------------------------------------------------------------------------------

def test_a_storm_of_reloads_neither_refills_nor_loses(start, app):
    def configuration():
        return limited(app, limits={"standard": {"rate": HOUR, "burst": 500, "key": "tenant"}}, routes=[],
                       tenants={**TENANTS, "items": {"acme": {}, f"other-{next(NUMBERS)}": {}}})

    sluice = start(configuration())
    passed, reloaded = [], threading.Event()

    def visit():
        seen = []
        while not reloaded.is_set() or seen[-10:] != [429] * 10:
            seen.append(sluice.get(host="acme.example.com").status)
        passed.append(seen.count(200))

    threads = [threading.Thread(target=visit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        assert sluice.hang_up(configuration()) == "applied"
    reloaded.set()
    for thread in threads:
        thread.join()
    assert sum(passed) == 500
    assert statuses(sluice, 1) == [429]


def test_a_new_rate_keeps_what_was_taken(start, app):
    def configuration(rate, burst):
        return limited(app, limits={"standard": {"rate": rate, "burst": burst, "key": "tenant"}}, routes=[], tenants=TENANTS)

    sluice = start(configuration("1/h", 100))
    assert statuses(sluice, 60) == [200] * 60
    for rate, burst, passing in (("1/m", 80, 20), ("7/h", 100, 20), ("2/h", 10, 0)):
        assert sluice.hang_up(configuration(rate, burst)) == "applied"
        answered = statuses(sluice, passing + 3)
        # A minute's token may come back meanwhile.
        assert passing <= answered.count(200) <= passing + 1, (rate, burst)


# --- connections -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("size, chunked, kept", [(0, False, True), (10_000, False, True), (10_000, True, True), (2_000_000, False, False)])
def test_a_body_that_is_refused_is_not_taken_for_the_next_request(start, app, size, chunked, kept):
    sluice = start(limited(app, limits={"one": {"rate": HOUR, "burst": 1, "key": "host"}}))
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: other.test\r\n\r\n"
    body = (smuggled * (size // len(smuggled) + 1))[:size]
    assert sluice.get().status == 200
    with sluice.connect() as client:
        for _ in range(2 if kept else 1):
            if chunked:
                client.send(b"POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (size, body))
            else:
                client.try_send(b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: %d\r\n\r\n" % size + body)
            answer = client.response("POST")
            assert (answer.status, answer.keeps_alive) == (429, kept)
        if not kept:
            assert client.rest() == b""
    assert [v.request.path for v in app.visits] == ["/"]


def test_a_client_that_waits_for_100_is_told_no_instead(start, app):
    sluice = start(limited(app, limits={"one": {"rate": HOUR, "burst": 1, "key": "host"}}))
    assert sluice.get().status == 200
    with sluice.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        answer = client.response("POST", interim=True)
        assert (answer.status, answer.keeps_alive) == (429, False)


def test_a_refused_stream_leaves_its_connection_alone(start, app):
    sluice = start(limited(app, limits={"one": {"rate": HOUR, "burst": 1, "key": "host"}},
                           listeners={"http": {"address": "127.0.0.1:0", "protocols": ["h2c"]}}))
    with Http2Client(sluice["http"]) as client:
        assert client.get().status == 200
        assert client.request("POST", body=b"x" * 200_000).status == 429
        assert client.get().status == 429
        assert client.get(authority="other.test").status == 200
