"""Resumed TLS sessions: which hosts a connection may ask for when no certificate was shown on it (RFC 9110 §7.4)."""

import json
import re
import shutil
import ssl

import pytest

from certs import entry
from client import RawClient, trusting
from http2 import Http2Client
from peers import curl, s_client
from sluice import config

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def tls_config(app, *leaves, **keys):
    return config(app, listeners={"https": {"address": "127.0.0.1:0", "tls": True}},
                  tls={"certificates": [entry(leaf) for leaf in leaves]}, **keys)


@pytest.fixture
def edge(start, app, authority, tmp_path):
    """One listener with three certificates; the first is for who asks for no name of ours."""
    return start(tls_config(app, authority.leaf("*.example.com", "example.com"), authority.leaf("www.acme.test"),
                            authority.leaf("one.test", "two.test"), log={"access": str(tmp_path / "access")}))


@pytest.fixture(params=VERSIONS)
def visit(request):
    """visit(edge, name, session) opens an HTTP/2 connection under one version of TLS."""
    context = trusting(alpn=["h2"], minimum_version=VERSIONS[request.param], maximum_version=VERSIONS[request.param])

    def one(edge, name, session=None):
        visitor = Http2Client(edge["https"], tls=context, server_name=name, session=session)
        assert visitor.sock.version() == f"TLSv{request.param}"
        return visitor

    one.version = request.param
    return one


def session_of(visit, edge, name, authority_):
    """The session of a first connection, on which `authority_` was asked for."""
    with visit(edge, name) as visitor:
        assert visitor.get(authority=authority_).status == 200
        assert not visitor.sock.session_reused
        return visitor.sock.session


def statuses(visitor, *authorities):
    return [visitor.get(authority=one).status for one in authorities]


# --- what a resumed connection may ask for --------------------------------------------------------------------

# name of the handshake, a host to ask for first, hosts that are served, hosts that are not
SITES = {
    "wildcard": ("a.example.com", "a.example.com", ["a.example.com", "b.example.com", "example.com"],
                 ["www.acme.test", "evil.test", "x.y.example.com"]),
    "exact": ("www.acme.test", "www.acme.test", ["www.acme.test"], ["a.example.com", "acme.test"]),
    "two-names": ("one.test", "one.test", ["one.test", "two.test"], ["a.example.com", "three.test"]),
    "no-name": (None, "b.example.com", ["b.example.com", "example.com"], ["www.acme.test", "one.test"]),
    "unknown-name": ("unknown.test", "unknown.test", ["unknown.test", "b.example.com"], ["www.acme.test"]),
    "in-capitals": ("A.Example.COM", "a.example.com", ["a.example.com", "b.example.com"], ["www.acme.test"]),
    "with-a-dot": ("a.example.com.", "a.example.com", ["a.example.com", "b.example.com"], ["www.acme.test"]),
}


@pytest.mark.parametrize("site", SITES)
def test_a_resumed_connection_asks_for_what_the_first_one_could(edge, visit, site):
    name, first, served, refused = SITES[site]
    session = session_of(visit, edge, name, first)
    for _ in range(3):  # and the tickets of resumed connections resume
        with visit(edge, name, session) as visitor:
            assert visitor.sock.session_reused
            assert statuses(visitor, *served) == [200] * len(served)
            assert statuses(visitor, *refused) == [421] * len(refused)
            assert visitor.get(authority=served[0]).status == 200
            session = visitor.sock.session


def test_two_key_types(start, app, authority, visit):
    """A name with an ECDSA and an RSA certificate: the one that was shown first counts, not its sister."""
    ecdsa, rsa = authority.leaf("both.test", "ec.test"), authority.leaf("both.test", "rsa.test", kind="rsa")
    sluice = start(tls_config(app, ecdsa, rsa))
    session = session_of(visit, sluice, "both.test", "both.test")
    with visit(sluice, "both.test", session) as visitor:
        assert visitor.sock.session_reused
        assert statuses(visitor, "both.test", "ec.test", "rsa.test") == [200, 200, 421]


# --- another name than the session was made for ---------------------------------------------------------------

def test_another_name_of_the_same_certificate(edge, visit):
    """TLS 1.3 may resume then, TLS 1.2 must not (RFC 6066 §3)."""
    session = session_of(visit, edge, "one.test", "one.test")
    with visit(edge, "two.test", session) as visitor:
        assert visitor.sock.session_reused == (visit.version == "1.3")
        assert statuses(visitor, "two.test", "one.test", "a.example.com") == [200, 200, 421]


@pytest.mark.parametrize("made_for,resumed_for,served,refused", [
    ("one.test", "www.acme.test", "www.acme.test", "one.test"),
    ("www.acme.test", "one.test", "two.test", "www.acme.test"),
    (None, "www.acme.test", "www.acme.test", "a.example.com"),
    ("www.acme.test", None, "a.example.com", "www.acme.test"),
    ("unknown.test", "www.acme.test", "www.acme.test", "unknown.test"),
])
def test_a_name_of_another_certificate_is_shown_that_one(edge, visit, made_for, resumed_for, served, refused):
    first = {None: "a.example.com"}.get(made_for, made_for)
    session = session_of(visit, edge, made_for, first)
    with visit(edge, resumed_for, session) as visitor:
        assert not visitor.sock.session_reused
        assert statuses(visitor, served, refused, served) == [200, 421, 200]


# --- reloads between ticket and resumption --------------------------------------------------------------------

def test_a_reload_that_leaves_the_certificate_alone(edge, app, authority, visit):
    session = session_of(visit, edge, "one.test", "one.test")
    assert edge.hang_up(tls_config(app, authority.leaf("one.test", "two.test"), authority.leaf("new.test"))) == "applied"
    with visit(edge, "one.test", session) as visitor:
        assert visitor.sock.session_reused
        assert statuses(visitor, "one.test", "two.test", "new.test") == [200, 200, 421]


def test_a_renewed_certificate_is_shown(start, app, authority, tmp_path, visit):
    """What the client verified is gone, and with it what it may ask for."""
    files = {"cert": str(tmp_path / "site.pem"), "key": str(tmp_path / "site.key")}

    def renew(*names):
        leaf = authority.leaf(*names, fresh=True)
        shutil.copy(leaf.cert, files["cert"])
        shutil.copy(leaf.key, files["key"])

    renew("site.test", "old.test")
    sluice = start(config(app, listeners={"https": {"address": "127.0.0.1:0", "tls": True}},
                          tls={"certificates": [files, entry(authority.leaf("other.test"))]}))
    session = session_of(visit, sluice, "site.test", "old.test")
    renew("site.test", "new.test")
    assert sluice.hang_up() == "applied"
    with visit(sluice, "site.test", session) as visitor:
        assert not visitor.sock.session_reused
        assert statuses(visitor, "site.test", "new.test", "old.test") == [200, 200, 421]
        session = visitor.sock.session
    with visit(sluice, "site.test", session) as visitor:
        assert visitor.sock.session_reused
        assert statuses(visitor, "site.test", "new.test", "old.test") == [200, 200, 421]


def test_a_name_that_went_to_another_certificate(edge, app, authority, visit):
    """The certificate of the session is still there, but no longer what this name is shown."""
    session = session_of(visit, edge, "a.example.com", "a.example.com")
    moved = tls_config(app, authority.leaf("*.example.com", "example.com"), authority.leaf("a.example.com", "own.test"))
    assert edge.hang_up(moved) == "applied"
    with visit(edge, "a.example.com", session) as visitor:
        assert not visitor.sock.session_reused
        assert statuses(visitor, "a.example.com", "own.test", "b.example.com") == [200, 200, 421]


# --- the log and real clients ---------------------------------------------------------------------------------

def log_of(edge, tmp_path):
    edge.stop()  # then it is complete
    return [json.loads(line) for line in (tmp_path / "access").read_text().splitlines()]


@pytest.mark.parametrize("name", ["b.example.com", None])
def test_the_log_knows_the_name(edge, visit, tmp_path, name):
    session = session_of(visit, edge, name, "b.example.com")
    with visit(edge, name, session) as visitor:
        assert visitor.sock.session_reused
        assert visitor.get(authority="example.com").status == 200
    assert [line.get("sni") for line in log_of(edge, tmp_path)] == [name, name]


@pytest.mark.parametrize("version", VERSIONS)
def test_openssl_resumes_from_a_file(edge, tmp_path, version):
    kept = tmp_path / "session"
    how = ("-tls" + version.replace(".", "_"), "-servername", "one.test", "-ign_eof")
    ask = "GET / HTTP/1.1\r\nHost: two.test\r\nConnection: close\r\n\r\n"
    first = s_client(edge["https"], *how, "-sess_out", kept, say=ask)
    again = s_client(edge["https"], *how, "-sess_in", kept, say=ask)
    assert "\nNew, " in first.stdout and "\nReused, " in again.stdout
    assert [re.findall(r"^HTTP/1\.1 (\d+)", done.stdout, re.M) for done in (first, again)] == [["200"], ["200"]]
    other = s_client(edge["https"], how[0], "-servername", "www.acme.test", "-ign_eof", "-sess_in", kept,
                     say=ask.replace("two.test", "www.acme.test"))
    assert "\nNew, " in other.stdout and "CN = www.acme.test" in other.stdout
    assert sorted(line["sni"] for line in log_of(edge, tmp_path)) == ["one.test", "one.test", "www.acme.test"]


def test_curl_resumes(edge, authority):
    """The first connection ends with its answer; the second resumes and speaks HTTP/2. Of TLS 1.2 curl takes no tickets."""
    port = edge["https"].rpartition(":")[2]
    url = f"https://a.example.com:{port}/"
    common = ("--cacert", authority.cert, "--resolve", f"a.example.com:{port}:127.0.0.1", "--tlsv1.3", "-w", "%{http_version} %{http_code}\\n",
              "-o", "/dev/null")
    done = curl("-v", *common, "--http1.1", "-H", "Connection: close", url, "--next", *common, "--http2", url)
    assert re.search("SSL re-?using session", done.stderr), done.stderr
    assert done.stdout.split("\n")[:2] == ["1.1 200", "2 200"], done.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_http_1_on_a_resumed_connection(edge, version):
    context = trusting(minimum_version=VERSIONS[version], maximum_version=VERSIONS[version])
    session = None
    for resumed in (False, True, True):
        with RawClient(edge["https"], tls=context, server_name="one.test", session=session) as visitor:
            assert visitor.sock.session_reused == resumed
            assert [visitor.get(host=host).status for host in ("one.test", "two.test")] == [200, 200]
            session = visitor.sock.session
