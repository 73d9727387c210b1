"""How fast one client address may begin TLS handshakes, and how many connections it may have open."""

import re
import socket
import ssl

import pytest

from certs import entry
from client import RawClient, connect, reset, trusting
from sluice import config
from waiting import wait_until

BURST = 5


def settings(app, authority, **bounds):
    """So few an hour that none comes back while a test runs."""
    return {**config(app), "workers": 2,
            "listeners": {"http": "127.0.0.1:0", "https": {"address": "127.0.0.1:0", "tls": True}},
            "tls": {"certificates": [entry(authority.leaf("app.test"))]}, "max": bounds}


def counter(sluice, name):
    return int(re.search(rf"^{re.escape(name)} (\d+)$", sluice.admin("/metrics").body.decode(), re.M)[1])


def dial(sluice, listener, source):
    """A connection from an address of our choice; the whole of 127/8 is this machine."""
    host, _, port = sluice[listener].rpartition(":")
    return socket.create_connection((host, int(port)), timeout=20, source_address=(source, 0))


def shakes_hands(sluice, source):
    with dial(sluice, "https", source) as sock:
        try:
            trusting().wrap_socket(sock, server_hostname="app.test").close()
            return True
        except (ssl.SSLError, OSError):
            return False


def test_so_many_handshakes_of_one_address(start, apps, authority):
    sluice = start(settings(apps(), authority, handshakes_per_ip=f"{BURST}/h"))
    assert [shakes_hands(sluice, "127.0.0.1") for _ in range(2 * BURST)] == [True] * BURST + [False] * BURST
    assert [shakes_hands(sluice, "127.0.0.2") for _ in range(BURST + 1)] == [True] * BURST + [False]
    assert counter(sluice, "sluice_handshakes_rejected_total") == BURST + 1
    assert counter(sluice, 'sluice_connections_rejected_total{reason="connections"}') == 0


def test_who_is_turned_away_costs_no_tls(start, apps, authority):
    """The connection ends before a byte of the handshake was read, and the log says so in fewer lines."""
    sluice = start(settings(apps(), authority, handshakes_per_ip="1/h"))
    assert shakes_hands(sluice, "127.0.0.1")
    for _ in range(20):
        with connect(sluice["https"]) as sock:
            try:
                assert sock.recv(1) == b""
            except ConnectionResetError:
                pass
    sluice.wait_log(r"connection from 127\.0\.0\.1 on listener https closed: beyond max\.handshakes_per_ip")
    assert len(re.findall("handshakes_per_ip", sluice.log)) < 20


def test_connections_that_stand_and_plain_ones_are_not_concerned(start, apps, authority):
    sluice = start(settings(apps(), authority, handshakes_per_ip="1/h"))
    with RawClient(sluice["https"], tls=trusting(), server_name="app.test") as client:
        assert not shakes_hands(sluice, "127.0.0.1")
        assert [client.get().status for _ in range(20)] == [200] * 20
    assert [sluice.get().status for _ in range(20)] == [200] * 20


def test_a_reload_forgets_no_handshakes(start, apps, authority):
    app = apps()
    sluice = start(settings(app, authority, handshakes_per_ip=f"{BURST}/h"))
    assert all(shakes_hands(sluice, "127.0.0.1") for _ in range(BURST))
    assert sluice.reload().returncode == 0
    assert not shakes_hands(sluice, "127.0.0.1")
    assert sluice.reload(settings(app, authority)).returncode == 0
    assert all(shakes_hands(sluice, "127.0.0.1") for _ in range(2 * BURST))


@pytest.mark.parametrize("listener", ["http", "https"])
def test_so_many_connections_of_one_address(start, apps, authority, listener):
    """Each connection that ends, in whatever way, makes room for another one."""
    sluice = start(settings(apps(), authority, connections_per_ip=2))

    def served(source="127.0.0.3"):
        """A connection that is served, and stands; None: it was closed without a word."""
        sock = dial(sluice, listener, source)
        try:
            if listener == "https":
                sock = trusting().wrap_socket(sock, server_hostname="app.test")
            sock.sendall(b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
            if sock.recv(1) == b"H":
                return sock
        except (ssl.SSLError, OSError):
            pass
        sock.close()
        return None

    for leave in (socket.socket.close, reset):
        standing = [wait_until(served, "room for a connection") for _ in range(2)]
        assert served() is None
        with served("127.0.0.4"):
            for sock in standing:
                leave(sock)
    wait_until(served, "room for a connection").close()
    assert counter(sluice, 'sluice_connections_rejected_total{reason="connections_per_ip"}') >= 2
