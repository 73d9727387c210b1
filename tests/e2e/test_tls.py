"""TLS towards clients: which certificate, which versions, resumption, and what is refused."""

import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading

import pytest

from certs import entry
from client import RawClient, connect, trusting
from peers import curl, need, s_client
from sluice import config
from waiting import PATIENCE, wait_until


def tls_config(app, *leaves, **keys):
    return config(app, listeners={"https": {"address": "127.0.0.1:0", "tls": True}},
                  tls={"certificates": [entry(leaf) for leaf in leaves]}, **keys)


@pytest.fixture
def wildcard(authority):
    return authority.leaf("*.example.com")


@pytest.fixture
def edge(start, app, authority, wildcard):
    """One listener with the usual two certificates; the wildcard first."""
    return start(tls_config(app, wildcard, authority.leaf("www.acme.test")))


def served(address, name, context=None):
    """Serial number of the certificate that `name` is given."""
    with RawClient(address, tls=context or trusting(), server_name=name) as visitor:
        return serial(visitor.sock.getpeercert(binary_form=True))


def serial(der):
    done = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-serial"], input=der, capture_output=True, check=True)
    return int(done.stdout.decode().strip().partition("=")[2], 16)


# --- certificates ----------------------------------------------------------------------------------------------

def test_requests_over_tls(edge, app, authority):
    with RawClient(edge["https"], tls=trusting(authority.cert), server_name="acme.example.com") as visitor:
        for _ in range(3):
            assert visitor.get(host="acme.example.com").status == 200
    request = app.visits[-1].request
    assert request.get("X-Forwarded-Proto") == "https"
    assert request.get("X-Forwarded-For") == "127.0.0.1"


def test_curl_is_content(edge, authority):
    port = edge["https"].rpartition(":")[2]
    for name in ("acme.example.com", "www.acme.test"):
        done = curl("--http1.1", "--cacert", authority.cert, "--resolve", f"{name}:{port}:127.0.0.1", f"https://{name}:{port}/")
        assert (done.returncode, done.stdout) == (0, "hello from app"), done.stderr


def test_name_decides(start, app, authority):
    """Exact before wildcard, one label only, and the first for everything else; case does not matter."""
    first = authority.leaf("default.test")
    wild = authority.leaf("*.example.com")
    exact = authority.leaf("www.example.com")
    several = authority.leaf("one.test", "two.test", "*.three.test")
    sluice = start(tls_config(app, first, wild, exact, several))
    for name, leaf in {"default.test": first, "a.example.com": wild, "A.EXAMPLE.com": wild, "www.example.com": exact,
                       "example.com": first, "a.b.example.com": first, "www.www.example.com": first, "one.test": several,
                       "two.test": several, "x.three.test": several, "three.test": first, "unknown.test": first,
                       "evilexample.com": first, None: first}.items():
        assert served(sluice["https"], name) == leaf.serial, name


def test_a_trailing_dot_in_the_name(edge, wildcard):
    assert served(edge["https"], "acme.example.com.") == wildcard.serial


def test_ecdsa_and_rsa_beside_each_other(start, app, authority):
    """Each client gets the kind it can check; a modern one gets ECDSA."""
    ecdsa, rsa = authority.leaf("www.acme.test"), authority.leaf("www.acme.test", kind="rsa")
    for order in ((ecdsa, rsa), (rsa, ecdsa)):
        sluice = start(tls_config(app, *order))
        for version in ("-tls1_2", "-tls1_3"):
            only_rsa = s_client(sluice["https"], version, "-servername", "www.acme.test", "-sigalgs",
                                "RSA-PSS+SHA256:RSA+SHA256")
            only_ecdsa = s_client(sluice["https"], version, "-servername", "www.acme.test", "-sigalgs", "ECDSA+SHA256")
            either = s_client(sluice["https"], version, "-servername", "www.acme.test")
            assert "Peer signature type: RSA-PSS" in only_rsa.stdout, only_rsa.stdout + only_rsa.stderr
            assert "Peer signature type: ECDSA" in only_ecdsa.stdout, only_ecdsa.stdout + only_ecdsa.stderr
            assert "Peer signature type: ECDSA" in either.stdout


def test_the_chain_is_sent(edge, authority):
    done = s_client(edge["https"], "-servername", "acme.example.com", "-showcerts")
    assert done.stdout.count("BEGIN CERTIFICATE") == 2


def test_many_certificates(start, app, authority, tmp_path):
    """300 certificates; the first, the last and one in between come when they are asked for."""
    key = authority.leaf("many.test").key
    script = "for n in $(seq 300); do openssl req -x509 -key $1 -subj /CN=host-$n.test -addext subjectAltName=DNS:host-$n.test " \
             "-set_serial $n -days 9 -out $2/$n.pem || exit 1; done"
    subprocess.run(["bash", "-c", script, "make", key, tmp_path], check=True, capture_output=True)
    sluice = start(config(app, listeners={"https": {"address": "127.0.0.1:0", "tls": True}},
                          tls={"certificates": [{"cert": str(tmp_path / f"{n}.pem"), "key": key} for n in range(1, 301)]}))
    for number in (1, 2, 150, 299, 300):
        assert served(sluice["https"], f"host-{number}.test") == number
    assert served(sluice["https"], "other.test") == 1


# --- versions and ciphers ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_modern_versions(edge, version):
    done = s_client(edge["https"], version, "-servername", "acme.example.com")
    assert done.returncode == 0 and "Cipher is (NONE)" not in done.stdout, done.stderr


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_versions_are_refused(edge, version):
    done = s_client(edge["https"], version, "-servername", "acme.example.com", "-cipher", "ALL:@SECLEVEL=0")
    assert done.returncode != 0 and "Cipher is (NONE)" in done.stdout


@pytest.mark.parametrize("cipher", [
    "AES128-SHA", "AES256-GCM-SHA384", "DES-CBC3-SHA", "RC4-SHA", "aNULL", "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES256-SHA384", "PSK", "SRP", "NULL", "ECDHE-ECDSA-AES128-CCM8"])
def test_old_ciphers_are_refused(start, app, authority, cipher):
    """Mozilla intermediate: forward secrecy and AEAD only."""
    sluice = start(tls_config(app, authority.leaf("c.test"), authority.leaf("c.test", kind="rsa")))
    done = s_client(sluice["https"], "-tls1_2", "-servername", "c.test", "-cipher", f"{cipher}:@SECLEVEL=0")
    assert done.returncode != 0 and "Cipher is ECDHE" not in done.stdout


@pytest.mark.parametrize("cipher", [
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"])
def test_good_ciphers(start, app, authority, cipher):
    sluice = start(tls_config(app, authority.leaf("c.test"), authority.leaf("c.test", kind="rsa")))
    done = s_client(sluice["https"], "-tls1_2", "-servername", "c.test", "-cipher", cipher)
    assert f"Cipher is {cipher}" in done.stdout, done.stderr


def test_http_1_is_negotiated(edge):
    with RawClient(edge["https"], tls=trusting(alpn=["http/1.1"]), server_name="acme.example.com") as visitor:
        assert visitor.sock.selected_alpn_protocol() == "http/1.1"
        assert visitor.get(host="acme.example.com").status == 200


def test_an_unknown_protocol_alone_is_not_pretended(edge):
    """Only strange protocols offered: either no choice or a refusal, never one of the client's we do not speak."""
    try:
        with RawClient(edge["https"], tls=trusting(alpn=["smtp", "spdy/3"]), server_name="acme.example.com") as visitor:
            assert visitor.sock.selected_alpn_protocol() is None
    except ssl.SSLError as error:
        assert "NO_APPLICATION_PROTOCOL" in str(error).upper().replace(" ", "_")


# --- sessions ---------------------------------------------------------------------------------------------------

def context_for(version):
    return trusting(minimum_version=version, maximum_version=version)


def ticket(sluice, context, session=None):
    """One visit; returns (was it resumed, session for the next)."""
    with RawClient(sluice["https"], tls=context, server_name="acme.example.com", session=session) as visitor:
        assert visitor.get(host="acme.example.com").status == 200
        return visitor.sock.session_reused, visitor.sock.session


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_sessions_resume_on_any_worker_and_across_reloads(edge, app, version):
    context = context_for(version)
    resumed, session = ticket(edge, context)
    assert not resumed
    for number in range(8):  # with several workers, some of these land on another one
        resumed, session = ticket(edge, context, session)
        assert resumed, f"visit {number}"
    assert edge.hang_up() == "applied"
    resumed, session = ticket(edge, context, session)
    assert resumed, "a reload must not forget the ticket keys"


def test_each_connection_brings_a_ticket_for_the_next(edge, app):
    """RFC 8446 §C.4: clients use a ticket once. TLS 1.3 names a session by its ticket."""
    context = context_for(ssl.TLSVersion.TLSv1_3)
    seen, session = set(), None
    for _ in range(4):
        _, session = ticket(edge, context, session)
        assert session.id not in seen, "the ticket that was used has to serve again"
        seen.add(session.id)


@pytest.mark.parametrize("request_too", [True, False])
def test_a_ticket_comes_with_the_answer_or_at_once(edge, authority, request_too):
    """A request right behind the Finished shares a packet with its answer; a client that says nothing yet does not wait for
    it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trusting(authority.cert).wrap_bio(incoming, outgoing, server_hostname="acme.example.com")
    with connect(edge["https"]) as sock:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(outgoing.read())
                incoming.write(sock.recv(65536))
        if request_too:
            tls.write(b"GET / HTTP/1.1\r\n\r\n")  # answered without asking the app, which might take its time
        sock.sendall(outgoing.read())
        incoming.write(sock.recv(65536))
        if request_too:
            assert tls.read(65536).startswith(b"HTTP/1.1 400 ")
        else:
            with pytest.raises(ssl.SSLWantReadError):
                tls.read(65536)
        assert tls.session.has_ticket


# --- what is refused --------------------------------------------------------------------------------------------

def test_no_renegotiation(edge):
    program = need("openssl")
    talk = subprocess.Popen([program, "s_client", "-connect", edge["https"], "-tls1_2", "-msg"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    heard = []
    reader = threading.Thread(target=lambda: heard.extend(iter(talk.stdout.readline, "")), daemon=True)
    reader.start()
    try:
        wait_until(lambda: any("Extended master secret" in line for line in heard), "the first handshake")
        talk.stdin.write("R\n")
        talk.stdin.flush()
        wait_until(lambda: any("RENEGOTIATING" in line for line in heard), "s_client to ask")
        hellos = lambda: sum("ServerHello\n" in line for line in heard)  # noqa: E731
        wait_until(lambda: talk.poll() is not None or hellos() > 1 or any("no_renegotiation" in line for line in heard),
                   "an answer to the renegotiation")
        assert hellos() == 1, "".join(heard)
    finally:
        talk.kill()
        talk.wait()
        reader.join(PATIENCE)
        talk.stdin.close()
        talk.stdout.close()


def client_hello(compression):
    """A TLS 1.2 ClientHello of our own making, for what openssl can no longer say."""
    suites = bytes.fromhex("c02bc02fc02cc030cca9cca8")
    extensions = (b"\x00\x0a\x00\x04\x00\x02\x00\x17" b"\x00\x0b\x00\x02\x01\x00"
                  b"\x00\x0d\x00\x08\x00\x06\x04\x03\x08\x04\x04\x01")
    body = (b"\x03\x03" + bytes(32) + b"\x00" + struct.pack(">H", len(suites)) + suites
            + bytes([len(compression)]) + compression + struct.pack(">H", len(extensions)) + extensions)
    handshake = b"\x01" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\x03\x01" + struct.pack(">H", len(handshake)) + handshake


def test_no_compression(edge):
    with RawClient(edge["https"]) as visitor:
        visitor.send(client_hello(b"\x01\x00"))
        record = visitor.wire.exactly(5, "of the answer")
        assert record[0] == 0x16, f"no ServerHello but {record!r}"
        hello = visitor.wire.exactly(struct.unpack(">H", record[3:])[0], "of the ServerHello")
        assert hello[0] == 2
        session = hello[38]
        assert hello[39 + session + 2] == 0, "the server chose compression"


GARBAGE = {
    "text": b"hello\r\n\r\n",
    "nuls": bytes(100),
    "random": bytes(range(256)) * 4,
    "huge-record": b"\x16\x03\x01\xff\xff" + b"\x01" * 65535,
    "empty-record": b"\x16\x03\x01\x00\x00",
    "many-empty-records": b"\x16\x03\x01\x00\x00" * 1000,
    "alert-first": b"\x15\x03\x01\x00\x02\x01\x00",
    "data-first": b"\x17\x03\x03\x00\x05hello",
    "hello-with-junk": b"\x16\x03\x01\x00\x20\x01\x00\x00\x1c\x03\x03" + b"\xff" * 26,
    "ssl2": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + b"\x01" * 37,
    "cut-hello": client_hello(b"\x00")[:40],
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_instead_of_a_hello(edge, app, name):
    with RawClient(edge["https"]) as visitor:
        visitor.try_send(GARBAGE[name])
        visitor.half_close()
        rest = visitor.rest()
        assert rest == b"" or rest[0] in (0x15, 0x16) or rest.startswith(b"HTTP/1.1 400 "), rest[:100]
    assert not app.visits
    edge.assert_unharmed()
    with RawClient(edge["https"], tls=trusting(), server_name="acme.example.com") as visitor:
        assert visitor.get(host="acme.example.com").status == 200


def test_plain_http_on_the_tls_port(edge, app):
    with RawClient(edge["https"]) as visitor:
        visitor.send(b"GET / HTTP/1.1\r\nHost: acme.example.com\r\n\r\n")
        rest = visitor.rest()
        assert rest == b"" or rest[0] == 0x15 or rest.startswith(b"HTTP/1.1 400 ")
    assert not app.visits


def test_tls_on_the_plain_port(start, app):
    sluice = start(config(app))
    with pytest.raises((ssl.SSLError, OSError)):
        RawClient(sluice["http"], tls=trusting(), server_name="app.test")
    assert not app.visits


def test_clients_that_say_nothing_do_not_hold_up_the_others(start, app, wildcard):
    sluice = start(tls_config(app, wildcard, timeouts={"header": "2s"}))
    silent = [connect(sluice["https"]) for _ in range(100)]
    try:
        with RawClient(sluice["https"], tls=trusting(), server_name="a.example.com") as visitor:
            assert visitor.get(host="a.example.com").status == 200
        for one in silent:  # the handshake is under the time limit too
            one.settimeout(PATIENCE)
            try:
                while one.recv(1000):
                    pass
            except ConnectionResetError:
                pass
    finally:
        for one in silent:
            one.close()


def test_the_end_is_announced(edge):
    """close_notify before FIN: a client can tell the end from a cut."""
    context = trusting()
    raw = connect(edge["https"])
    with context.wrap_socket(raw, server_hostname="acme.example.com", suppress_ragged_eofs=False) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: acme.example.com\r\nConnection: close\r\n\r\n")
        data = b""
        while piece := sock.recv(65536):  # raises SSLEOFError if the connection is merely cut
            data += piece
    assert data.endswith(b"hello from app")


def test_large_bodies_over_tls(edge, app):
    body = os.urandom(3 << 20)
    app.play("/down", lambda visit: visit.reply(body=body))
    app.play("/up", lambda visit: visit.reply(body=visit.body()[::-1]))
    with RawClient(edge["https"], tls=trusting(), server_name="acme.example.com", keep=False) as visitor:
        assert visitor.get("/down", host="acme.example.com").body == body
        assert visitor.request("POST", "/up", body=body[:1 << 20], host="acme.example.com").body == body[:1 << 20][::-1]


def test_a_body_cut_short_over_tls(edge, app):
    """Neither a whole message nor a clean end of the TLS stream."""
    app.play("/cut", lambda visit: (visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), visit.close()))
    with RawClient(edge["https"], tls=trusting(), server_name="acme.example.com") as visitor:
        visitor.send(b"GET /cut HTTP/1.1\r\nHost: acme.example.com\r\n\r\n")
        assert visitor.rest().endswith(b"hello")


# --- renewal ----------------------------------------------------------------------------------------------------

def test_a_renewed_certificate_after_a_reload(start, app, renewable):
    files, renew = renewable
    old = renew()
    sluice = start(config(app, listeners={"https": {"address": "127.0.0.1:0", "tls": True}}, tls={"certificates": [files]}))
    assert served(sluice["https"], "site.test") == old
    with RawClient(sluice["https"], tls=trusting(), server_name="site.test") as visitor:
        assert visitor.get(host="site.test").status == 200
        new = renew()
        assert sluice.hang_up() == "applied"
        assert served(sluice["https"], "site.test") == new
        assert visitor.get(host="site.test").status == 200, "a connection under the old certificate goes on"


def test_a_renewed_certificate_on_its_own(start, app, renewable):
    """Nobody says reload: new files are noticed within a minute."""
    files, renew = renewable
    old = renew()
    sluice = start(config(app, listeners={"https": {"address": "127.0.0.1:0", "tls": True}}, tls={"certificates": [files]}))
    assert served(sluice["https"], "site.test") == old
    new = renew()
    wait_until(lambda: served(sluice["https"], "site.test") == new, "the renewed certificate",
               patience=max(70, PATIENCE), pause=0.2)


def test_a_half_renewed_pair_is_not_served(start, app, renewable, authority):
    """New certificate, old key: the pair in service stays until both fit; a reload is refused and says why."""
    files, renew = renewable
    old = renew()
    keys = {"listeners": {"https": {"address": "127.0.0.1:0", "tls": True}}, "tls": {"certificates": [files]}}
    sluice = start(config(app, **keys))
    shutil.copy(authority.leaf("site.test", fresh=True).cert, files["cert"])
    done = sluice.reload()
    assert done.returncode == 1 and re.search("match|belong", done.stderr)
    assert served(sluice["https"], "site.test") == old
    new = renew()
    assert sluice.reload().returncode == 0
    assert served(sluice["https"], "site.test") == new


def test_many_handshakes_at_once(edge):
    errors = []

    def visit():
        try:
            for _ in range(10):
                with RawClient(edge["https"], tls=trusting(), server_name="acme.example.com") as visitor:
                    assert visitor.get(host="acme.example.com").status == 200
        except (AssertionError, OSError) as error:
            errors.append(error)

    crowd = [threading.Thread(target=visit) for _ in range(8)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert not errors


def test_a_client_that_vanishes_in_the_handshake(edge):
    """At every byte of its hello."""
    hello = client_hello(b"\x00")
    for length in range(0, len(hello), 3):
        sock = connect(edge["https"])
        sock.sendall(hello[:length])
        if length % 2:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    edge.assert_unharmed()
    assert served(edge["https"], "acme.example.com")
