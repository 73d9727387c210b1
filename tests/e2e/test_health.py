"""Active checks: what they ask, what they make of the answers, who gets requests then, and what reloads keep."""

import threading
import time
from pathlib import Path

import pytest

from http2_server import server_tls
from pools import (CHECK, ONCE, QUICK, BlackHole, Deaf, Health, checked, look, metric, pools, reached, stamped, turns, under_tls,
                   verdicts, wait_state)
from ports import closed_port, free_port
from sluice import Sluice, config, pool
from upstream import ScriptedUpstream, steps
from waiting import PATIENCE, wait_until
from wire import chunks

KIB = 1024


# --- what an answer is worth: one pool for each row, one check for each server --------------------------------

def plain(status=200, body=b"", *fields):
    return lambda visit: visit.reply(status, body, fields)


def raw(*parts):
    """Answers with these bytes and closes."""
    return steps(*parts, lambda visit: visit.close())


def endless(visit):
    """A body that goes on until Sluice leaves."""
    visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    visit.upstream.sent = 0
    for _ in range(1024):
        visit.send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        visit.upstream.sent += 0x10000
    visit.close()


def padded(size):
    """JSON of exactly so many bytes."""
    start, end = b'{"status":"ok","pad":"', b'"}'
    return start + b"x" * (size - len(start) - len(end)) + end


JSON_OK = {"json": {"status": "ok"}}
STATUS = {"json": {"database.connected": True, "version": 3, "error": None, "deep": {"er": {"name": "x"}}}}
GOOD = b'{"database":{"connected":true},"version":%s,"error":null,"deep":{"er":{"name":"x"}},"more":[1,2]}'

# name: (health, script, words of the reason; None where the check passes)
ANSWERS = {
    "200": ({}, plain(), None),
    "204": ({}, plain(204), None),
    "redirect": ({}, plain(302, b"", "Location: /elsewhere"), None),
    "399": ({}, plain(399), None),
    "400": ({}, plain(400), "status 400, expected 200-399"),
    "404": ({}, plain(404), "status 404, expected 200-399"),
    "503": ({}, plain(503), "status 503"),
    "only-200": ({"expect": {"status": 200}}, plain(204), "status 204, expected 200"),
    "one-404": ({"expect": {"status": 404}}, plain(404), None),
    "range-in": ({"expect": {"status": "200-299"}}, plain(299), None),
    "range-out": ({"expect": {"status": "200-299"}}, plain(300), "status 300, expected 200-299"),
    "set-in": ({"expect": {"status": [200, 204, "300-399"]}}, plain(301), None),
    "set-out": ({"expect": {"status": [200, 204, "300-399"]}}, plain(201), "status 201, expected 200, 204, 300-399"),
    "head": ({"method": "HEAD"}, plain(200, b"never sent"), None),
    "head-503": ({"method": "HEAD"}, plain(503, b"never sent"), "status 503"),
    "options": ({"method": "OPTIONS"}, plain(204, b"", "Allow: GET"), None),
    "body": ({"expect": {"body": "all well"}}, plain(200, b"I say: all well."), None),
    "body-other": ({"expect": {"body": "all well"}}, plain(200, b"I say: all ill."), "does not contain"),
    "body-none": ({"expect": {"body": "all well"}}, plain(204), "does not contain"),
    "body-chunked": ({"expect": {"body": "all well"}},
                     raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(b"all", b" well")), None),
    "body-to-close": ({"expect": {"body": "all well"}}, raw(b"HTTP/1.1 200 OK\r\n\r\nall", b" well"), None),
    "body-and-status": ({"expect": {"body": "all well"}}, plain(500, b"all well"), "status 500"),
    "regex": ({"expect": {"body_regex": r"^load: 0\.\d+$"}}, plain(200, b"load: 0.75"), None),
    "regex-anywhere": ({"expect": {"body_regex": "[0-9]{3}"}}, plain(200, b"abc 123 def"), None),
    "regex-not": ({"expect": {"body_regex": r"^load: 0\.\d+$"}}, plain(200, b"load: 1.75"), "does not match"),
    "json": ({"expect": STATUS}, plain(200, GOOD % b"3"), None),
    "json-as-number": ({"expect": STATUS}, plain(200, GOOD % b"3.0e0"), None),
    "json-number": ({"expect": STATUS}, plain(200, GOOD % b"4"), "version is 4, expected 3"),
    "json-text-for-number": ({"expect": STATUS}, plain(200, GOOD % b'"3"'), "version"),
    "json-missing": ({"expect": JSON_OK}, plain(200, b'{"other":"ok"}'), "status is not there"),
    "json-null": ({"expect": {"json": {"error": None}}}, plain(200, b'{"error":"disk"}'), "error is"),
    "json-null-missing": ({"expect": {"json": {"error": None}}}, plain(200, b"{}"), "error is not there"),
    "json-false-for-null": ({"expect": {"json": {"error": None}}}, plain(200, b'{"error":false}'), "error is false"),
    "json-array": ({"expect": JSON_OK}, plain(200, b'["status","ok"]'), "status is not there"),
    "json-through-text": ({"expect": {"json": {"status.deep": 1}}}, plain(200, b'{"status":"ok"}'), "status.deep is not there"),
    "json-not": ({"expect": JSON_OK}, plain(200, b"status: ok"), "not JSON"),
    "json-empty": ({"expect": JSON_OK}, plain(204), "not JSON"),
    "json-two": ({"expect": JSON_OK}, plain(200, b'{"status":"ok"} {"status":"bad"}'), "not JSON"),
    "json-deep": ({"expect": JSON_OK}, plain(200, b'{"a":' + b"[" * 5000 + b"]" * 5000 + b',"status":"ok"}'), "not JSON"),
    "json-64k": ({"expect": JSON_OK}, plain(200, padded(64 * KIB)), None),
    "json-longer": ({"expect": JSON_OK}, plain(200, padded(64 * KIB + 1)), "longer than 65536 bytes"),
    "json-half": ({"expect": JSON_OK}, raw(b'HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{"status":"ok"}'), ""),
    "text-within-64k": ({"expect": {"body": "needle"}}, plain(200, b"x" * (64 * KIB - 6) + b"needle" + b"x" * 999_999), None),
    "text-beyond-64k": ({"expect": {"body": "needle"}}, plain(200, b"x" * (64 * KIB - 5) + b"needle" + b"x" * 999_999), "contain"),
    "endless": ({}, endless, None),
    "interim": ({}, raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), None),
    "interim-then-bad": ({}, raw(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n"), "status 500"),
    "garbage": ({}, raw(b"SSH-2.0-OpenSSH_9.2\r\n"), ""),
    "close": ({}, raw(), ""),
    "reset": ({}, lambda visit: visit.reset(), ""),
    "half-a-head": ({}, raw(b"HTTP/1.1 200 OK\r\nContent-"), ""),
    "silent": ({"timeout": "200ms"}, lambda visit: visit.wait_for_close(), "no answer in time"),
    "half-then-silent": ({"timeout": "200ms"}, steps(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", lambda v: v.wait_for_close()),
                         "did not end in time"),
}


@pytest.fixture(scope="module")
def clinic():
    """One process with a pool for each row of ANSWERS, every server checked once."""
    apps, whole = {}, {}
    for name, (health, script, _) in ANSWERS.items():
        apps[name] = ScriptedUpstream(name=name)
        apps[name].play(CHECK, script)
        whole[name] = pool(apps[name], health={**ONCE, **health})
    sluice = Sluice(config(pools=whole, routes=[{"path": f"/{name}/", "pool": name} for name in whole])).wait_ready()
    yield sluice, apps
    complaints = [c for app in apps.values() for c in app.complaints]
    for app in apps.values():
        app.stop()
    sluice.stop()
    assert not complaints, complaints


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer(clinic, name):
    """The first check decides; a server whose answer is not as expected gets no request, and the reason is told."""
    sluice, apps = clinic
    wait_until(lambda: "check" in look(sluice, apps[name], name), "the first check")
    found, words = look(sluice, apps[name], name), ANSWERS[name][2]
    if words is None:
        assert (found["state"], found["check"]["passed"], found["check"].get("reason")) == ("up", True, None)
    else:
        assert (found["state"], found["check"]["passed"]) == ("down", False)
        assert found["check"]["reason"] and words in found["check"]["reason"]
    assert sluice.get(f"/{name}/").status == (200 if words is None else 503)
    assert len(apps[name].to(CHECK)) == len(apps[name].visits) - (words is None), "one check, and the request"


def test_a_redirect_is_not_followed(clinic):
    assert not clinic[1]["redirect"].to("/elsewhere")


def test_no_more_of_a_body_is_read_than_needed(clinic):
    """The connection closes after 64 KiB, give or take what the kernel holds."""
    app = clinic[1]["endless"]
    assert app.wait_done(app.to(CHECK)[0]) and app.sent < 0x10000 * 1000


def test_half_an_answer_is_not_called_long(clinic):
    """The reason says what happened: the answer broke off."""
    assert "longer" not in look(clinic[0], clinic[1]["json-half"], "json-half")["check"]["reason"]


def test_an_answer_that_breaks_off_is_none(start, apps):
    """A server that dies in the middle of its answer is not well, though the status was."""
    app = apps()
    app.play(CHECK, raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"))
    sluice = start(checked(app, health=ONCE))
    assert look(sluice, app)["state"] == "down"


def test_the_time_of_a_check_is_told(clinic):
    """at_ms is the wall clock's, took_ms the check's own length."""
    check = look(clinic[0], clinic[1]["silent"], "silent")["check"]
    assert abs(check["at_ms"] / 1000 - time.time()) < 3600 and check["took_ms"] >= 150


class LateTls:
    """An SSLContext that shakes hands after 300 ms."""

    def __init__(self, context):
        self.context = context

    def wrap_socket(self, sock, **how):
        threading.Event().wait(0.3)
        return self.context.wrap_socket(sock, **how)


# --- servers that are not there ------------------------------------------------------------------------------

def test_servers_that_cannot_be_reached(start, apps, tmp_path):
    """Refused, no such socket, nobody takes the connection: down, each with its reason."""
    with BlackHole() as hole:
        wanted = {f"127.0.0.1:{closed_port()}": "refused", f"unix:{tmp_path}/none.sock": "No such file",
                  hole.address: "no connection in time"}
        health = {**ONCE, "timeout": "200ms"}
        sluice = start(config(pools={str(n): pool(s, health=health) for n, s in enumerate(wanted)}, routes=[{"pool": "0"}]))
        for number, (server, words) in enumerate(wanted.items()):
            found = look(sluice, server, str(number))
            assert found["state"] == "down" and words.lower() in found["check"]["reason"].lower()


# --- what is asked -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("health,target,expected", [
    ({}, "/", {"method": "GET", "Host": "SERVER"}),
    ({"path": "/up?deep=1&x=%20"}, "/up?deep=1&x=%20", {"method": "GET", "Host": "SERVER"}),
    ({"path": "/up", "method": "HEAD", "host": "shop.test"}, "/up", {"method": "HEAD", "Host": "shop.test"}),
    ({"path": "/up", "method": "OPTIONS", "host": "shop.test:8443"}, "/up", {"method": "OPTIONS", "Host": "shop.test:8443"}),
    ({"headers": {"X-Forwarded-Proto": "https", "Authorization": "Bearer abc"}}, "/",
     {"X-Forwarded-Proto": "https", "Authorization": "Bearer abc"}),
    ({"headers": {"User-Agent": "mine/1", "accept": "text/x"}}, "/", {"User-Agent": "mine/1", "Accept": "text/x"}),
], ids=["default", "query", "head-host", "options-host-port", "headers", "own-agent"])
@pytest.mark.parametrize("speaks", ["http/1.1", "h2"])
def test_what_is_asked(start, apps, h2apps, speaks, health, target, expected):
    app = apps() if speaks == "http/1.1" else h2apps()
    sluice = start(checked(app, health={"interval": "1h", **health}, keys={"protocol": speaks}))
    assert look(sluice, app)["state"] == "up"
    request = app.wait_visits(1).request
    special = {"method": request.method} if speaks == "http/1.1" else {"method": request.method, "Host": request.get(":authority")}
    assert (request.target if speaks == "http/1.1" else request.get(":path")) == target
    for name, value in expected.items():
        assert (special[name] if name in special else request.get(name)) == value.replace("SERVER", app.address)
    assert len(app.visits) == 1


def test_another_port_is_asked(start, apps):
    """`port` changes whom the checks ask, and nothing for the traffic."""
    app, doctor = apps(name="app"), apps(name="doctor")
    health = Health(doctor, well=False)
    app.play(CHECK, plain(500))
    sluice = start(checked(app, health={**QUICK, "port": doctor.port, "rise": 1}))
    assert look(sluice, app)["state"] == "down"
    health.well = True
    wait_state(sluice, app, "up")
    assert reached(sluice, 3) == {"app"} and not app.to(CHECK)


def test_unix_sockets_and_ipv6_are_checked(start, apps, tmp_path):
    kinds = [apps(bind=f"unix:{tmp_path}/a.sock", name="unix"), apps(bind="::1", name="six")]
    sluice = start(checked(*kinds, health=ONCE))
    assert [look(sluice, one)["state"] for one in kinds] == ["up", "up"]
    assert [len(one.to(CHECK)) for one in kinds] == [1, 1]


def test_a_server_behind_a_socket_is_asked_with_a_host_that_is_one(start, apps, tmp_path):
    """A path is no Host: "unix:/run/app.sock" has servers answer 400."""
    app = apps(bind=f"unix:{tmp_path}/a.sock")
    start(checked(app, health=ONCE))
    assert "/" not in app.wait_visits(1).request.get("Host")


def test_a_tcp_check_asks_for_a_connection_alone(start, apps):
    """A server that takes connections is up though it answers nothing, one that refuses is down; no byte is sent."""
    port = free_port()
    with Deaf() as deaf:
        sluice = start(checked(deaf.address, f"127.0.0.1:{port}", health={"type": "tcp", "interval": "100ms", "rise": 1}))
        assert [look(sluice, s)["state"] for s in (deaf.address, f"127.0.0.1:{port}")] == ["up", "down"]
        wait_until(lambda: deaf.count >= 3, "three checks")
        assert deaf.taken[0].recv(100) == b""
        apps(port=port)
        wait_state(sluice, f"127.0.0.1:{port}", "up")


# --- TLS and HTTP/2 ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("speaks", ["http/1.1", "h2"])
@pytest.mark.parametrize("case", ["verified", "unverified", "wrong-name", "unknown-authority"])
def test_checks_of_a_pool_with_tls(start, apps, h2apps, authority, speaks, case):
    """Checks speak TLS as the pool does, and verify as it does."""
    context = server_tls(authority.leaf("app.test"), alpn=("h2",) if speaks == "h2" else ())
    app = h2apps(tls=context) if speaks == "h2" else under_tls(apps(), context)
    tls = {"verified": {"ca": authority.cert, "server_name": "app.test"}, "unverified": {"verify": False},
           "wrong-name": {"ca": authority.cert, "server_name": "other.test"}, "unknown-authority": {"server_name": "app.test"}}[case]
    sluice = start(checked(app, health=ONCE, keys={"protocol": speaks, "tls": tls}))
    well = case in ("verified", "unverified")
    found = look(sluice, app)
    assert (found["state"], found["check"]["passed"]) == (("up", True) if well else ("down", False))
    assert len(app.visits) == (1 if well else 0)
    if not well:
        assert "tls" in found["check"]["reason"].lower() or "certificate" in found["check"]["reason"].lower()


@pytest.mark.parametrize("speaks", ["http/1.1", "h2"])
def test_a_handshake_that_does_not_end(start, speaks):
    with Deaf() as deaf:
        sluice = start(checked(deaf.address, health={**ONCE, "timeout": "200ms"}, keys={"protocol": speaks, "tls": True}))
        found = look(sluice, deaf.address)
        assert found["state"] == "down" and "no connection in time" in found["check"]["reason"]


def test_https_checks_of_a_clear_pool_verify_nothing(start, apps, authority):
    """They may ask another port; the traffic stays in the clear."""
    app = apps(name="app")
    doctor = under_tls(apps(name="doctor"), server_tls(authority.leaf("nobody.test"), alpn=()))
    sluice = start(checked(app, health={**ONCE, "type": "https", "port": doctor.port}))
    assert look(sluice, app)["state"] == "up" and len(doctor.to(CHECK)) == 1
    assert reached(sluice, 3) == {"app"}


def test_http_and_tcp_checks_of_a_pool_with_tls_are_in_the_clear(start, apps, authority):
    app = under_tls(apps(name="app"), server_tls(authority.leaf("app.test"), alpn=()))
    doctor = apps(name="doctor")
    tls = {"verify": False}
    sluice = start(config(
        pools={"http": pool(app, tls=tls, health={**ONCE, "type": "http", "port": doctor.port}),
               "tcp": pool(app, tls=tls, health={"interval": "1h", "type": "tcp"})}, routes=[{"pool": "http"}]))
    assert [look(sluice, app, name)["state"] for name in ("http", "tcp")] == ["up", "up"]
    assert len(doctor.to(CHECK)) == 1 and not app.to(CHECK)
    assert reached(sluice, 3) == {"app"}


@pytest.mark.parametrize("script,words", [
    (lambda v: v.reply(200, body=b'{"status":"ok"}'), None),
    (lambda v: v.reply(503, body=b'{"status":"ok"}'), "status 503"),
    (lambda v: v.reply(200, body=b'{"status":"no"}'), "status is"),
    (lambda v: (v.head(103), v.reply(200, body=b'{"status":"ok"}')), None),
    (lambda v: v.reset(), ""),
    (lambda v: v.connection.close(), ""),
    (lambda v: v.connection.goaway(last=0), ""),
    (lambda v: (v.head(200), v.data(b'{"status":"ok"}'), v.wait_reset()), "did not end in time"),
    (lambda v: v.wait_reset(), "no answer in time"),
], ids=["good", "503", "json", "interim", "reset", "close", "goaway", "half", "silent"])
def test_answers_over_http2(start, h2apps, script, words):
    app = h2apps()
    app.play(CHECK, script)
    sluice = start(checked(app, health={**ONCE, "timeout": "300ms", "expect": JSON_OK}, keys={"protocol": "h2"}))
    found = look(sluice, app)
    assert (found["state"], found["check"]["passed"]) == (("up", True) if words is None else ("down", False))
    assert (words or "") in found["check"].get("reason", "")


# --- how often -----------------------------------------------------------------------------------------------

def test_one_check_for_each_interval_whatever_the_workers(start, apps):
    """The process asks, not each worker."""
    app = apps()
    times = stamped(app)
    start(checked(app, health=QUICK, workers=4))
    app.wait_visits(20)
    assert times[19] - times[0] > 19 * 0.1 * 0.7


@pytest.mark.parametrize("speaks", ["http/1.1", "h2"])
def test_frequent_checks_share_a_connection_for_five_seconds(start, apps, h2apps, speaks):
    app = h2apps() if speaks == "h2" else apps()
    began = time.monotonic()
    start(checked(app, health={"path": CHECK, "interval": "500ms", "jitter": 0}, keys={"protocol": speaks}))
    wait_until(lambda: len(app.connections) == 2, "the second connection")
    assert time.monotonic() - began > 5
    assert len([v for v in list(app.visits) if v.connection is app.connections[0]]) <= 10


def test_after_a_failure_the_next_check_opens_a_connection(start, apps):
    app = apps(plain(503))
    start(checked(app, health=QUICK))
    wait_until(lambda: len(app.connections) >= 5, "five connections")
    assert all(len([v for v in app.visits if v.connection is c]) <= 1 for c in app.connections)


def close_silently(visit):
    """As if it would be kept."""
    visit.reply()
    visit.close()


def drop_the_second(visit):
    first = [v for v in visit.upstream.visits if v.connection is visit.connection][0] is visit
    if first:
        visit.reply()
    else:
        visit.close()


def leave_at_the_second(visit):
    if visit.stream == 1:
        visit.reply()
    else:
        visit.connection.goaway(last=visit.stream - 2)


@pytest.mark.parametrize("script", [close_silently, drop_the_second, leave_at_the_second])
def test_a_kept_connection_that_ends_is_no_failure(start, apps, h2apps, script):
    h2 = script is leave_at_the_second
    app = h2apps(script) if h2 else apps(script)
    health = {"path": CHECK, "interval": "500ms", "fall": 1}
    sluice = start(checked(app, health=health, keys={"protocol": "h2" if h2 else "http/1.1"}))
    seen = []
    wait_until(lambda: seen.append(look(sluice, app)["state"]) or len(app.connections) >= 4, "four connections")
    assert set(seen) == {"up"}


def test_checks_leave_nothing_open(start, apps, h2apps, authority):
    """Whatever becomes of checks, and whatever reloads do to those under way: in the end no descriptor is left."""
    app, h2 = apps(), h2apps()
    secure = under_tls(apps(), server_tls(authority.leaf("app.test"), alpn=()))
    for one in (app, h2):
        one.play("/reset", lambda visit: visit.reset())
    app.play("/silent", lambda visit: visit.wait_for_close())
    h2.play("/silent", lambda visit: visit.wait_reset())
    sluice = start(config(app))
    descriptors = Path(f"/proc/{sluice.pid}/fd")
    before = len(list(descriptors.iterdir()))
    with Deaf() as deaf, BlackHole() as hole:
        quick = {"interval": "100ms", "timeout": "50ms"}
        whole = [pool(one, protocol=speaks, health={**quick, "path": path})
                 for speaks, one in (("http/1.1", app), ("h2", h2)) for path in ("/", "/reset", "/silent")]
        whole += [pool(deaf.address, hole.address, **{"health": quick, **keys})
                  for keys in ({}, {"tls": True}, {"protocol": "h2"}, {"protocol": "h2", "tls": True}, {"health": {**quick, "type": "tcp"}})]
        whole += [pool(secure, tls=tls, health=quick) for tls in (True, {"verify": False})]
        for turn in range(12):
            part = {f"p{n}": one for n, one in enumerate(whole) if (n + turn) % 3}
            wanted = len(app.visits) + len(h2.visits) + 4
            assert sluice.reload(config(pools={"app": pool(app), **part}, routes=[{"pool": "app"}])).returncode == 0
            wait_until(lambda: len(app.visits) + len(h2.visits) >= wanted, "some checks")  # noqa: B023
            assert sluice.get("/alive").status == 200
        assert sluice.reload(config(app)).returncode == 0
        # The thread of the checks has two of its own.
        wait_until(lambda: len(list(descriptors.iterdir())) <= before + 4, "the descriptors to close")


def test_a_server_in_two_pools_is_checked_for_each(start, apps):
    """Pools have their own opinion: here one expects what the other refuses."""
    app = apps()
    sluice = start(config(pools={"a": pool(app, health={**ONCE, "expect": {"status": 200}}),
                                 "b": pool(app, health={**ONCE, "expect": {"status": 404}})},
                          routes=[{"path": "/a/", "pool": "a"}, {"path": "/b/", "pool": "b"}]))
    assert [look(sluice, app, name)["state"] for name in "ab"] == ["up", "down"]
    assert [sluice.get(f"/{name}/").status for name in "ab"] == [200, 503]


def test_first_checks_are_spread(start, apps):
    """200 servers: the first checks take most of a second; no server is forgotten, and then it is ready."""
    app = apps(bind="0.0.0.0")
    times = stamped(app)
    servers = [f"127.0.{n // 100}.{n % 100 + 1}:{app.port}" for n in range(200)]
    sluice = start(checked(*servers, health=ONCE))
    assert {one["state"] for one in pools(sluice)["app"]["servers"]} == {"up"}
    assert len(times) == 200 and len(pools(sluice)["app"]["servers"]) == 200
    assert times[-1] - times[0] > 0.6 and times[99] - times[0] > 0.25


# --- rise and fall -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("rise,fall,answers,expected", [
    (2, 3, "PFFPFFP", []),
    (2, 3, "PFFF", ["down"]),
    (2, 3, "FPFPF", ["down"]),
    (2, 3, "FPP", ["down", "up"]),
    (2, 3, "PFFFPP", ["down", "up"]),
    (1, 1, "PFP", ["down", "up"]),
    (3, 1, "PFPPFPP F".replace(" ", ""), ["down"]),
    (3, 1, "PFPPP", ["down", "up"]),
    (1, 2, "FPFPFF", ["down", "up", "down"]),
])
def test_rise_and_fall_are_counted_exactly(start, apps, rise, fall, answers, expected):
    """The first check decides; after it `fall` failures in a row take it down, and `rise` passes bring it back."""
    app = apps()
    app.play(CHECK, verdicts(answers))
    sluice = start(checked(app, health={**QUICK, "rise": rise, "fall": fall}))
    app.wait_visits(len(answers) + 2)
    assert turns(sluice, app) == expected
    state = "up" if answers[-1] == "P" else "down"
    assert look(sluice, app)["state"] == state
    assert metric(sluice, f'sluice_upstream_up{{pool="app",server="{app.address}"}}') == (state == "up")


def test_a_server_that_fails_gets_no_request_and_comes_back(start, apps):
    one, two = apps(name="one"), apps(name="two")
    health = Health(one), Health(two)
    sluice = start(checked(one, two, health={**QUICK, "rise": 1, "fall": 1}))
    assert reached(sluice) == {"one", "two"}
    health[0].well = False
    wait_state(sluice, one, "down")
    assert reached(sluice) == {"two"}
    assert "status 500" in look(sluice, one)["check"]["reason"]
    health[0].well = True
    wait_state(sluice, one, "up")
    assert reached(sluice) == {"one", "two"}
    assert turns(sluice, one) == ["down", "up"] and turns(sluice, two) == []


def test_a_request_under_way_survives_that_its_server_goes_down(start, apps, gate):
    app = apps()
    health = Health(app)
    app.play("/slow", lambda visit: (gate.wait(PATIENCE), visit.reply(body=b"at last")))
    sluice = start(checked(app, health={**QUICK, "fall": 1}))
    with sluice.connect() as visitor:
        visitor.send(b"GET /slow HTTP/1.1\r\nHost: app.test\r\n\r\n")
        wait_until(lambda: app.to("/slow"), "the request")
        health.well = False
        wait_state(sluice, app, "down")
        gate.set()
        assert visitor.response().body == b"at last"


# --- as tenants ----------------------------------------------------------------------------------------------

TENANTS = {"from_host": "{tenant}.example.com", "defaults": {"pool": "app", "send_header": "X-Tenant"},
           "items": {"acme": {"hosts": ["www.acme.test"]}, "globex": {}, "initech": {}, "umbrella": {}}}


def of_tenants(*servers, **health):
    return config(pools={"app": pool(*servers, health={**QUICK, "fall": 1, "rise": 1, **health})}, tenants=TENANTS)


def as_told(visit, mistaken=lambda tenant: tenant):
    visit.reply(body=b'{"tenant":"%s"}' % mistaken(visit.request.get("X-Tenant")).encode())


def test_a_server_that_mistakes_a_tenant_is_taken_out(start, apps):
    """It answers for the wrong one: out, with the tenant in the reason, while others stay."""
    good, bad = apps(name="good"), apps(name="bad")
    mistakes = {}
    good.play(CHECK, as_told)
    bad.play(CHECK, lambda visit: as_told(visit, lambda tenant: mistakes.get(tenant, tenant)))
    sluice = start(of_tenants(good, bad, as_tenants=["acme", "globex"], expect={"json": {"tenant": "{tenant}"}}))
    assert [look(sluice, one)["state"] for one in (good, bad)] == ["up", "up"]
    mistakes["globex"] = "acme"
    wait_state(sluice, bad, "down")
    reason = look(sluice, bad)["check"]["reason"]
    assert "globex" in reason and "acme" in reason
    assert look(sluice, good)["state"] == "up"
    assert {sluice.get(host="acme.example.com").get("X-Origin") for _ in range(10)} == {"good"}
    mistakes.clear()
    wait_state(sluice, bad, "up")


def test_a_server_that_fails_for_one_tenant_is_taken_out(start, apps):
    app = apps()
    app.play(CHECK, lambda visit: visit.reply(500 if visit.request.get("X-Tenant") == "initech" else 200))
    sluice = start(of_tenants(app, as_tenants=["acme", "initech", "globex"]))
    found = look(sluice, app)
    assert found["state"] == "down" and "initech" in found["check"]["reason"] and "500" in found["check"]["reason"]


def test_each_round_asks_as_each_tenant(start, apps):
    """With the tenant's host, the header of tenants.defaults, and {tenant} replaced in header values."""
    app = apps()
    start(of_tenants(app, as_tenants=["acme", "globex"], headers={"X-As": "<{tenant}|{tenant}>"}))
    app.wait_visits(6)
    asked = [tuple(v.request.get(name) for name in ("X-Tenant", "Host", "X-As")) for v in app.visits[:6]]
    assert asked[:2] == asked[2:4] == asked[4:6]
    assert [one[0] for one in asked[:2]] == ["acme", "globex"]
    assert asked[0][1] in ("www.acme.test", "acme.example.com") and asked[1][1] == "globex.example.com"
    assert asked[0][2] == "<acme|acme>"


def test_a_host_that_is_set_goes_before_the_tenants(start, apps):
    app = apps()
    start(of_tenants(app, as_tenants=["globex"], host="checks.test"))
    assert app.wait_visits(1).request.get("Host") == "checks.test"


def test_a_sample_of_tenants(start, apps):
    """So many different ones of those that are known; all of them when there are fewer."""
    app, small = apps(), apps()
    sluice = start(config(pools={"app": pool(app, health={**ONCE, "as_tenants": 2}), "small": pool(small, health={**ONCE, "as_tenants": 99})},
                          tenants={**TENANTS, "items": {**TENANTS["items"], "hooli": {"pool": "small"}}}))
    assert look(sluice, app)["state"] == look(sluice, small, "small")["state"] == "up"
    asked = [v.request.get("X-Tenant") for v in app.visits]
    assert len(asked) == len(set(asked)) == 2 and set(asked) <= set(TENANTS["items"]) | {"hooli"}
    assert "hooli" in {v.request.get("X-Tenant") for v in small.visits}


def test_the_timeout_is_for_the_whole_round(start, apps):
    """Each tenant's answer comes in time, the two together do not: the time does not begin anew."""
    app = apps()
    app.play(CHECK, lambda visit: (threading.Event().wait(0.3), visit.reply()))
    sluice = start(of_tenants(app, as_tenants=["acme", "globex"], interval="1h", timeout="500ms"))
    found = look(sluice, app)
    assert "check" in found, "the check did not end"
    assert found["state"] == "down" and "in time" in found["check"]["reason"]


@pytest.mark.parametrize("speaks", ["http/1.1", "h2"])
def test_a_connection_that_comes_slowly_leaves_the_answer_less_time(start, apps, h2apps, authority, speaks):
    """The handshake takes half of the timeout, and no answer comes: the check ends, and those of others go on."""
    context = server_tls(authority.leaf("app.test"), alpn=("h2",) if speaks == "h2" else ())
    other = apps(name="other")
    health = Health(other)
    if speaks == "h2":
        slow = h2apps(tls=LateTls(context))
        slow.play(CHECK, lambda v: v.wait_reset())
    else:
        slow = under_tls(apps(), LateTls(context))
        slow.play(CHECK, lambda visit: visit.wait_for_close())
    sluice = start(config(pools={"slow": pool(slow, protocol=speaks, tls={"verify": False}, health={**ONCE, "timeout": "600ms"}),
                                 "other": pool(other, health=QUICK)}, routes=[{"pool": "other"}]))
    found = look(sluice, slow, "slow")
    assert "check" in found, "the check did not end"
    assert found["state"] == "down" and "in time" in found["check"]["reason"]
    health.wait_more(3)


# --- the start, and reloads ----------------------------------------------------------------------------------

@pytest.mark.parametrize("first", ["down", "up"])
def test_a_new_server_before_its_first_check(start, apps, gate, first):
    """`start: down` keeps requests away until it has passed, `start: up` does not."""
    old, new = apps(name="old"), apps(name="new")
    new.play(CHECK, lambda visit: (gate.wait(PATIENCE), visit.reply()))
    health = {**ONCE, "timeout": "1h", "start": first}
    sluice = start(checked(old, health=health))
    assert sluice.reload(checked(old, new, health=health)).returncode == 0
    assert look(sluice, new)["state"] == ("down" if first == "down" else "unchecked")
    assert reached(sluice) == ({"old"} if first == "down" else {"old", "new"})
    gate.set()
    wait_until(lambda: "check" in look(sluice, new), "its first check")
    assert look(sluice, new)["state"] == "up" and reached(sluice) == {"old", "new"}


def test_a_first_check_that_fails_outweighs_the_start(start, apps):
    good, bad = apps(name="good"), apps(name="bad")
    bad.play(CHECK, plain(500))
    sluice = start(checked(good, bad, health={**ONCE, "start": "up"}))
    assert look(sluice, bad)["state"] == "down" and reached(sluice) == {"good"}


def test_what_is_known_survives_a_reload(start, apps):
    """Whatever else changes: no new check is needed, and no request slips through."""
    good, bad, extra = apps(name="good"), apps(name="bad"), apps(name="extra")
    bad.play(CHECK, plain(500))
    sluice = start(checked(good, bad, health=ONCE))
    for change in [{}, {"timeouts": {"connect": "5s"}}, {"listeners": {"http": "127.0.0.1:0", "more": "127.0.0.1:0"}}]:
        assert sluice.reload(checked(good, bad, health=ONCE, **change)).returncode == 0
        assert look(sluice, bad)["state"] == "down" and reached(sluice, 10) == {"good"}
    health = {**ONCE, "path": CHECK + "?other", "start": "up", "rise": 5, "fall": 5}
    sluice.reload(checked(extra, bad, {"address": good.address, "weight": 2}, health=health, keys={"balance": "round_robin"}))
    assert look(sluice, bad)["state"] == "down" and "bad" not in reached(sluice)
    assert len(bad.visits) == len(good.to(CHECK)) == 1


def test_without_health_a_server_counts_as_up(start, apps):
    app = apps()
    health = Health(app, well=False)
    sluice = start(checked(app, health=QUICK))
    assert reached(sluice, 3) == {503}
    sluice.reload(config(app))
    assert look(sluice, app)["state"] == "up" and reached(sluice, 3) == {"app"}
    before = health.count
    sluice.reload(checked(app, health=QUICK))
    health.wait_more(1)
    wait_state(sluice, app, "down")
    assert health.count > before


def test_adding_checks_takes_nobody_out(start, apps, gate):
    """A server that has served until now is not new: a reload that adds `health` answers nobody with 503."""
    app = apps()
    app.play(CHECK, lambda visit: (gate.wait(PATIENCE), visit.reply()))
    sluice = start(config(app))
    assert reached(sluice, 3) == {"app"}
    assert sluice.reload(checked(app, health=ONCE)).returncode == 0
    assert reached(sluice, 3) == {"app"}


def test_adding_checks_takes_nobody_out_for_one_failure(start, apps):
    """What serves counts as up, so it takes `fall` failures: one hiccup at the reload must not cost the pool."""
    app = apps()
    app.play(CHECK, plain(500))
    sluice = start(config(app))
    assert sluice.reload(checked(app, health=ONCE)).returncode == 0
    wait_until(lambda: "check" in look(sluice, app), "its first check")
    found = look(sluice, app)
    assert (found["state"], found["check"]["passed"]) == ("up", False) and reached(sluice, 3) == {"app"}
    sluice.reload(checked(app, health={**QUICK, "fall": 3}))
    wait_state(sluice, app, "down")
    assert len(app.to(CHECK)) >= 3


def test_a_removed_server_is_not_checked_any_more(start, apps):
    stays, goes = apps(name="stays"), apps(name="goes")
    health = Health(stays), Health(goes)
    sluice = start(checked(stays, goes, health=QUICK))
    sluice.reload(checked(stays, health=QUICK))
    before = health[1].count
    health[0].wait_more(5)
    assert health[1].count <= before + 1  # one may have been under way


def test_a_server_that_goes_takes_no_other_check_with_it(start, apps, gate):
    """Both are asked at one port, and both checks are under way as one of the servers goes."""
    goes, stays, doctor = apps(name="goes"), apps(name="stays"), apps(name="doctor")
    doctor.play(CHECK, lambda visit: (gate.wait(PATIENCE), visit.reply()))
    health = {**ONCE, "port": doctor.port}
    sluice = start(checked(goes, stays, health=health))
    doctor.wait_visits(2)
    sluice.reload(checked(stays, health=health))
    gate.set()
    wait_state(sluice, stays, "up")
    assert "is down" not in sluice.log


def test_a_reload_from_connecting_to_asking(start, apps, authority):
    app = apps()
    doctor = under_tls(apps(name="doctor"), server_tls(authority.leaf("app.test"), alpn=()))
    often = {"interval": "500ms", "fall": 1, "port": doctor.port}
    sluice = start(checked(app, health={**often, "type": "tcp"}))
    sluice.reload(checked(app, health={**often, "type": "https", "path": CHECK}))
    doctor.wait_visits(2)
    assert look(sluice, app)["state"] == "up" and "is down" not in sluice.log


def test_a_new_interval_need_not_wait_for_the_old_one(start, apps):
    """Who shortens an hour to a second does not want to wait an hour for that."""
    app = apps()
    health = Health(app)
    sluice = start(checked(app, health=ONCE))
    sluice.reload(checked(app, health=QUICK))
    wait_until(lambda: health.count >= 2, "a check by the new interval", patience=min(PATIENCE, 5))


# --- panic and backups ---------------------------------------------------------------------------------------

PANIC = 'sluice_pool_panic{pool="app"}'


def test_all_down_is_503(start, apps):
    """With Retry-After, a metric, a line in the log; and back again."""
    one, two = apps(name="one"), apps(name="two")
    health = [Health(one, well=False), Health(two, well=False)]
    sluice = start(checked(one, two, health={**QUICK, "rise": 1}))
    answer = sluice.get()
    assert answer.status == 503 and int(answer.get("Retry-After")) > 0
    assert metric(sluice, PANIC) == 1 and pools(sluice)["app"]["panic"] is True
    sluice.wait_log(r"pool app: only 0 % of the servers are well")
    assert len(one.to("/")) == len(two.to("/")) == 0
    health[0].well = health[1].well = True
    for app in (one, two):
        wait_state(sluice, app, "up")
    assert reached(sluice) == {"one", "two"}
    wait_until(lambda: sluice.get().status == 200 and metric(sluice, PANIC) == 0, "the end of the panic")
    sluice.wait_log(r"pool app: enough servers are well again")


def test_panic_is_told_without_a_request(start, apps):
    """The metric is 1 while too few are well: it must warn before the first visitor comes, and end after the last."""
    app = apps()
    health = Health(app, well=False)
    sluice = start(checked(app, health={**QUICK, "rise": 1}))
    wait_until(lambda: metric(sluice, PANIC) == 1, "panic to show", patience=min(PATIENCE, 5))
    sluice.wait_log(r"pool app: only 0 % of the servers are well", patience=min(PATIENCE, 5))
    health.well = True
    wait_state(sluice, app, "up")
    wait_until(lambda: metric(sluice, PANIC) == 0, "panic to end", patience=min(PATIENCE, 5))


def test_panic_that_asks_all(start, apps):
    """Requests go to the servers though their checks fail; it still counts as panic."""
    one, two = apps(name="one"), apps(name="two")
    Health(one, well=False), Health(two, well=False)
    sluice = start(checked(one, two, health=QUICK, keys={"panic": {"then": "all"}}))
    assert reached(sluice) == {"one", "two"}
    assert metric(sluice, PANIC) == 1
    assert [look(sluice, app)["state"] for app in (one, two)] == ["down", "down"]
    sluice.wait_log(r"pool app: only 0 % of the servers are well: requests go to all")


@pytest.mark.parametrize("then,expected", [("refuse", {503}), ("all", {"well", "ill"})])
def test_panic_below_a_share(start, apps, then, expected):
    """One of two is well, 60 % are wanted: nobody, or everybody."""
    well, ill = apps(name="well"), apps(name="ill")
    Health(well)
    health = Health(ill, well=False)
    sluice = start(checked(well, ill, health={**QUICK, "rise": 1}, keys={"panic": {"below": 60, "then": then}}))
    wait_until(lambda: reached(sluice) == expected, f"requests to find {expected}")
    assert metric(sluice, PANIC) == 1
    sluice.wait_log(r"pool app: only 50 % of the servers are well")
    health.well = True
    wait_state(sluice, ill, "up")
    wait_until(lambda: reached(sluice) == {"well", "ill"}, "both to be asked")
    wait_until(lambda: sluice.get().status == 200 and metric(sluice, PANIC) == 0, "the end of the panic")


def test_enough_are_well(start, apps):
    """Half is not below 50 %: the one that is well has all."""
    well, ill = apps(name="well"), apps(name="ill")
    Health(ill, well=False)
    sluice = start(checked(well, ill, health=ONCE, keys={"panic": {"below": 50, "then": "all"}}))
    assert reached(sluice) == {"well"} and metric(sluice, PANIC) == 0


def test_backups_only_while_the_others_are_down(start, apps):
    one, two, spare = apps(name="one"), apps(name="two"), apps(name="spare")
    health = Health(one), Health(two)
    sluice = start(checked(one, two, {"address": spare.address, "backup": True}, health={**QUICK, "rise": 1, "fall": 1}))
    assert reached(sluice) == {"one", "two"}
    health[0].well = False
    wait_state(sluice, one, "down")
    assert reached(sluice) == {"two"}
    health[1].well = False
    wait_state(sluice, two, "down")
    assert reached(sluice) == {"spare"}
    health[1].well = True
    wait_state(sluice, two, "up")
    assert reached(sluice) == {"two"}


# --- checks that hang ----------------------------------------------------------------------------------------

def test_checks_that_hang_hold_nothing_up(start, apps, h2apps, gate):
    """Ready after three seconds, reloads at once, and the end does not wait: the checks would take an hour."""
    with Deaf() as deaf, BlackHole() as hole:
        held = apps()
        held.play(CHECK, lambda visit: (visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), visit.wait_for_close()))
        silent = h2apps()
        silent.play(CHECK, lambda v: v.wait_reset())
        health = {**ONCE, "timeout": "1h"}
        good = apps(name="good")
        whole = {"app": pool(good, held, deaf.address, hole.address, health=health),
                 "h2": pool(silent, deaf.address, hole.address, protocol="h2", health=health),
                 "tls": pool(deaf.address, hole.address, tls={"verify": False}, health=health),
                 "tcp": pool(hole.address, health={"type": "tcp", "interval": "1h", "timeout": "1h"})}
        sluice = start(config(pools=whole, routes=[{"pool": "app"}]))
        wait_until(lambda: held.visits and silent.visits and deaf.count >= 3, "the checks to hang")
        assert reached(sluice) == {"good"}
        for keys in ({}, {"workers": 2}):
            assert sluice.reload(config(pools=whole, routes=[{"pool": "app"}], **keys)).returncode == 0
        wait_until(lambda: look(sluice, good)["state"] == "up", "good")
        del whole["h2"], whole["tls"]
        assert sluice.reload(config(pools=whole, routes=[{"pool": "app"}])).returncode == 0
        silent.visits[0].wait_reset()  # given up with its pool
        assert reached(sluice) == {"good"}
        began = time.monotonic()
        sluice.stop()
        assert time.monotonic() - began < min(PATIENCE, 10)
        assert held.wait_done(held.visits[0])
