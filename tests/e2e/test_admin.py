"""The admin address itself: who may ask, what one may hold, and what happens when descriptors run out."""

import os
import resource
from pathlib import Path

import pytest

from client import RawClient, connect
from sluice import command, config
from waiting import wait_until


def ask(sluice, method, target, *fields, host="localhost"):
    with sluice.connect("admin") as client:
        return client.request(method, target, "Connection: close", *fields, host=host)


# --- web pages -----------------------------------------------------------------------------------------------

PAGES = {
    "rebinding": ("rebound.example", []),
    "rebinding with port": ("rebound.example:9900", []),
    "below localhost": ("localhost.evil.example", []),
    "another address": ("192.0.2.1", []),
    "every address": ("0.0.0.0:9900", []),
    "origin": ("localhost", ["Origin: http://evil.example"]),
    "origin of a sandbox": ("localhost", ["Origin: null"]),
    "fetch": ("127.0.0.1:9900", ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"]),
    "another port": ("localhost:9900", ["Sec-Fetch-Site: same-site"]),
    "form": ("127.0.0.1", ["Origin: http://evil.example", "Sec-Fetch-Site: cross-site",
                           "Content-Type: application/x-www-form-urlencoded"]),
}


@pytest.fixture(params=["unix", "tcp"])
def sluice(request, start, app):
    return start(config(app, admin="127.0.0.1:0") if request.param == "tcp" else config(app))


@pytest.mark.parametrize("method,target", [
    ("GET", "/metrics"), ("GET", "/api/pools"), ("HEAD", "/api/pools"), ("POST", "/api/config/reload"),
    ("GET", "/api/config/reload"), ("GET", "/"), ("OPTIONS", "/api/pools")])
def test_a_page_in_a_browser_learns_and_changes_nothing(sluice, method, target):
    since = sluice.mark()
    for host, fields in PAGES.values():
        answer = ask(sluice, method, target, *fields, host=host)
        assert answer.status == 403
        assert b"pool" not in answer.body
        assert answer.get("Access-Control-Allow-Origin") is None
    assert not any("reload" in line for line in sluice.lines[since:] if line)


def test_health_is_told_to_everybody(sluice):
    for target in ("/healthz", "/readyz"):
        for host, fields in PAGES.values():
            assert ask(sluice, "GET", target, *fields, host=host).status == 200


def test_people_and_scripts_are_answered(sluice):
    for host in ("localhost", "127.0.0.1:9900", "[::1]:1234", "LocalHost:80"):
        assert ask(sluice, "GET", "/api/pools", host=host).status == 200
    assert ask(sluice, "GET", "/api/pools", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate").status == 200
    assert ask(sluice, "POST", "/api/config/reload").status == 200
    with sluice.connect("admin") as client:
        client.send(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert client.response().status == 200
    with sluice.connect("admin") as client:
        client.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        assert client.response().status == 400


def test_a_wrong_method_says_which_is_right(sluice):
    for method, target, allow in (("POST", "/metrics", "GET, HEAD"), ("PUT", "/api/pools", "GET, HEAD"),
                                  ("GET", "/api/config/reload", "POST")):
        answer = ask(sluice, method, target)
        assert (answer.status, answer.get("Allow")) == (405, allow)


# --- bounds --------------------------------------------------------------------------------------------------

def test_requests_are_bounded(sluice):
    for text, status in ((b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 9000 + b"\r\n\r\n", 431),
                         (b"POST /api/config/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n", 413),
                         (b"nonsense\r\n\r\n", 400)):
        with sluice.connect("admin") as client:
            client.send(text)
            answer = client.response()
            assert answer.status == status
            client.closed_cleanly()


def sockets(sluice):
    count = 0
    for one in Path(f"/proc/{sluice.pid}/fd").iterdir():
        try:
            count += os.readlink(one).startswith("socket:")
        except FileNotFoundError:
            pass  # closed meanwhile
    return count


def test_connections_are_bounded_and_the_operator_gets_in(sluice):
    """Whoever opens many and keeps them loses those that are idle longest; one that is in use stays."""
    before = sockets(sluice)
    with sluice.connect("admin") as user:
        crowd = []
        for i in range(200):
            crowd.append(sluice.connect("admin"))
            assert crowd[-1].request("GET", "/healthz", host="localhost").status == 200
            if i % 10 == 0:
                assert user.request("GET", "/healthz", host="localhost").status == 200
        for early in crowd[:200 - 64]:
            assert early.closed_cleanly()
        assert user.request("GET", "/healthz", host="localhost").status == 200
        assert sockets(sluice) - before <= 64
    for one in crowd:
        one.close()
    wait_until(lambda: sockets(sluice) <= before, "the connections to be gone")


def test_connections_that_say_nothing_keep_nobody_out(sluice):
    crowd = [connect(sluice["admin"]) for _ in range(100)]
    assert sluice.admin("/healthz").status == 200
    for one in crowd:
        one.close()


# --- without descriptors -------------------------------------------------------------------------------------

@pytest.mark.parametrize("where,named", [("admin", "the admin address"), ("http", "listener http")])
def test_out_of_descriptors(start, app, where, named):
    """It waits instead of spinning, says so in few lines, and serves who waited when there are some again."""
    sluice = start(config(app, workers=1, timeouts={"upstream_idle": "100ms"}))
    before = sockets(sluice)
    target = "/healthz" if where == "admin" else "/"
    # UBSan needs a pipe to look at a type that it has not seen before.
    assert sluice.get().status == 200 and sluice.admin("/healthz").status == 200
    wait_until(lambda: sockets(sluice) <= before, "the connections to be gone")
    limits = resource.prlimit(sluice.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(sluice.pid, resource.RLIMIT_NOFILE, (4, limits[1]))  # all of those are taken; poll() wants some
    try:
        with RawClient(sluice[where]) as client:
            client.send(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            sluice.wait_log(f"cannot accept on {named}: Too many open files")
            # Told again after five seconds, with the number of tries since.
            tries = sluice.wait_log(rf"cannot accept on {named}: .* \((\d+) times")[1]
            assert int(tries) < 60
            assert sluice.log.count("cannot accept on") == 2
            resource.prlimit(sluice.pid, resource.RLIMIT_NOFILE, limits)
            assert client.response().status == 200
            sluice.wait_log(f"accepting on {named} again")
    finally:
        resource.prlimit(sluice.pid, resource.RLIMIT_NOFILE, limits)


# --- where it is ---------------------------------------------------------------------------------------------

@pytest.mark.skipif(Path("/run/sluice").exists(), reason="Sluice is installed here")
def test_by_hand_there_may_be_no_admin_address(start, app):
    """The default is in the service's directory. Where that is not, Sluice serves without, unless it was asked for."""
    settings = config(app)
    del settings["admin"]
    sluice = start(settings)
    sluice.wait_log(r"warn no admin address: .*/run/sluice/admin\.sock")
    assert "admin" not in sluice.addresses
    assert sluice.get().status == 200
    assert command("check", "--config", sluice.file).returncode == 0
    done = command("reload", "--config", sluice.file)
    assert done.returncode == 4 and "/run/sluice/admin.sock" in done.stderr
    assert sluice.hang_up() == "applied"
