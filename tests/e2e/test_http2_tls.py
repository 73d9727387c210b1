"""HTTP/2 under TLS: how it is chosen, and which hosts a connection may ask for (RFC 9110 §7.4, RFC 9113 §9.1)."""

import ssl
import subprocess

import pytest

from certs import entry
from client import RawClient, trusting
from http2 import Http2Client, head
from peers import curl, need
from sluice import config
from waiting import PATIENCE

H2 = {"alpn": ["h2", "http/1.1"]}


def tls_config(app, *leaves, protocols=None, **keys):
    listener = {"address": "127.0.0.1:0", "tls": True, **({"protocols": protocols} if protocols else {})}
    return config(app, listeners={"https": listener}, tls={"certificates": [entry(leaf) for leaf in leaves]}, **keys)


@pytest.fixture
def edge(start, app, authority):
    """One listener with two certificates; the wildcard first."""
    return start(tls_config(app, authority.leaf("*.example.com", "example.com"), authority.leaf("www.acme.test")))


def visit(edge, name="a.example.com", **how):
    return Http2Client(edge["https"], tls=trusting(**{**H2, **how}), server_name=name)


def chosen(address, offered, **how):
    with RawClient(address, tls=trusting(**({"alpn": offered} if offered else {}), **how), server_name="a.example.com") as visitor:
        return visitor.sock.selected_alpn_protocol()


# --- how it is chosen ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("offered,expected", [(["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2"), (["h2"], "h2"),
                                              (["http/1.1"], "http/1.1"), (None, None), (["h3", "h2"], "h2"),
                                              (["spdy/3", "http/1.1"], "http/1.1")])
def test_the_protocol_is_chosen_by_alpn(edge, offered, expected):
    assert chosen(edge["https"], offered) == expected


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_both_versions_of_tls(edge, version):
    exactly = {"minimum_version": ssl.TLSVersion[version], "maximum_version": ssl.TLSVersion[version]}
    with visit(edge, **exactly) as visitor:
        assert visitor.sock.version() == version.replace("_", ".")
        assert visitor.get(authority="a.example.com").status == 200


def test_without_alpn_it_is_http_1(edge):
    with RawClient(edge["https"], tls=trusting(), server_name="a.example.com") as visitor:
        assert visitor.get(host="a.example.com").status == 200


def test_only_http_1_where_the_listener_says_so(start, app, authority):
    sluice = start(tls_config(app, authority.leaf("*.example.com"), protocols=["http/1.1"]))
    assert chosen(sluice["https"], ["http/1.1", "h2"]) == "http/1.1"
    try:
        assert chosen(sluice["https"], ["h2"]) is None
    except (ssl.SSLError, ConnectionResetError):
        pass  # RFC 7301 §3.2: no_application_protocol


def test_only_h2_where_the_listener_says_so(start, app, authority):
    sluice = start(tls_config(app, authority.leaf("*.example.com"), protocols=["h2"]))
    with visit(sluice) as visitor:
        assert visitor.get(authority="a.example.com").status == 200
    try:
        with RawClient(sluice["https"], tls=trusting(alpn=["http/1.1"]), server_name="a.example.com") as visitor:
            visitor.try_send(b"GET / HTTP/1.1\r\nHost: a.example.com\r\n\r\n")
            assert b"HTTP/1.1 200" not in visitor.rest()
    except (ssl.SSLError, ConnectionResetError):
        pass
    assert len(app.visits) == 1


def test_http_1_where_h2_was_agreed(edge, app):
    with RawClient(edge["https"], tls=trusting(alpn=["h2"]), server_name="a.example.com") as visitor:
        visitor.try_send(b"GET / HTTP/1.1\r\nHost: a.example.com\r\n\r\n")
        assert b" 200" not in visitor.rest()
    assert not app.visits


def test_h2_where_http_1_was_agreed(edge, app):
    with RawClient(edge["https"], tls=trusting(alpn=["http/1.1"]), server_name="a.example.com") as visitor:
        visitor.try_send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
        assert visitor.response().status == 505
    assert not app.visits


# --- which hosts a connection may ask for --------------------------------------------------------------------

SERVED = {
    "the-name-asked-for": ("a.example.com", "a.example.com"),
    "with-port": ("a.example.com", "a.example.com:443"),
    "with-any-port": ("a.example.com", "a.example.com:8443"),
    "other-case": ("a.example.com", "A.Example.COM"),
    "covered-too": ("a.example.com", "b.example.com"),
    "covered-too-the-other-name": ("a.example.com", "example.com"),
    "the-exact-certificate": ("www.acme.test", "www.acme.test"),
    "no-name-asked-for": (None, "b.example.com"),
    "unknown-name-asked-for": ("unknown.test", "b.example.com"),
}


@pytest.mark.parametrize("name", SERVED)
def test_served(edge, app, name):
    asked, authority_ = SERVED[name]
    with visit(edge, asked) as visitor:
        answer = visitor.get("/x", authority=authority_)
        assert answer.status == 200, answer.fields
    request = app.last("/x").request
    assert request.get("Host").lower() == authority_.lower()
    assert request.get("X-Forwarded-Proto") == "https"


MISDIRECTED = {
    "another-site": ("a.example.com", "www.acme.test"),
    "another-site-the-other-way": ("www.acme.test", "a.example.com"),
    "nobodys": ("a.example.com", "evil.test"),
    "two-labels-below": ("a.example.com", "b.c.example.com"),
    "suffix-without-dot": ("a.example.com", "evilexample.com"),
    "the-wildcard-itself-as-suffix": ("a.example.com", "example.com.evil.test"),
    "address": ("a.example.com", "127.0.0.1"),
    "no-name-asked-for": (None, "www.acme.test"),
}


@pytest.mark.parametrize("name", MISDIRECTED)
def test_misdirected(edge, app, name):
    asked, authority_ = MISDIRECTED[name]
    with visit(edge, asked) as visitor:
        assert visitor.get("/x", authority=authority_).status == 421
        good = "www.acme.test" if asked == "www.acme.test" else "a.example.com"
        assert visitor.get("/next", authority=good).status == 200, "one wrong request is no reason to refuse the next"
    assert [v.request.path for v in app.visits] == ["/next"]


def test_misdirected_by_host_alone(edge, app):
    with visit(edge) as visitor:
        assert visitor.get("/x", "host: www.acme.test", authority=None).status == 421
        assert visitor.get("/x", "host: b.example.com", authority=None).status == 200


def test_misdirected_says_why(edge):
    with visit(edge) as visitor:
        answer = visitor.get("/x", authority="www.acme.test")
        assert answer.get("proxy-status") and answer.get("x-request-id")


def test_the_scheme_http_is_misdirected(edge, app):
    with visit(edge) as visitor:
        assert visitor.get("/x", authority="a.example.com", scheme="http").status == 421
        assert visitor.get("/next", authority="a.example.com").status == 200
    assert [v.request.path for v in app.visits] == ["/next"]


def test_each_request_counts_for_itself(edge):
    with visit(edge) as visitor:
        streams = [visitor.open(head(scheme="https", authority=authority_))
                   for authority_ in ("a.example.com", "evil.test", "b.example.com", "www.acme.test")]
        assert [visitor.answer(stream).status for stream in streams] == [200, 421, 200, 421]


def test_the_certificate_presented_counts_after_a_reload(start, app, authority):
    """The connection showed the old certificate; what it covers stays what this connection may ask for."""
    old, new = authority.leaf("old.test", "both.test"), authority.leaf("new.test", "both.test")
    first = tls_config(app, old)
    sluice = start(first)
    with Http2Client(sluice["https"], tls=trusting(**H2), server_name="both.test") as visitor:
        assert visitor.get(authority="both.test").status == 200
        second = tls_config(app, new)
        assert sluice.hang_up(second) == "applied"
        assert visitor.get(authority="both.test").status == 200
        assert visitor.get(authority="new.test").status == 421


# --- real clients --------------------------------------------------------------------------------------------

def test_curl_is_content(edge, authority):
    port = edge["https"].rpartition(":")[2]
    done = curl("--http2", "--cacert", authority.cert, "--resolve", f"a.example.com:{port}:127.0.0.1", "-w", "%{http_version}",
                f"https://a.example.com:{port}/")
    assert (done.returncode, done.stdout) == (0, "hello from app2"), done.stderr


def test_curl_uploads(edge, app, authority, tmp_path):
    port = edge["https"].rpartition(":")[2]
    (tmp_path / "body").write_bytes(bytes(range(256)) * 4000)
    done = curl("--http2", "--cacert", authority.cert, "--resolve", f"a.example.com:{port}:127.0.0.1", "-T", tmp_path / "body",
                f"https://a.example.com:{port}/up")
    assert done.returncode == 0, done.stderr
    assert app.last("/up").request.body == bytes(range(256)) * 4000


def test_nghttp_is_content(edge):
    done = subprocess.run([need("nghttp"), "--no-verify-peer", "-nv", "-H", ":authority: a.example.com",
                           f"https://{edge['https']}/"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0 and "recv (stream_id=13) :status: 200" in done.stdout, done.stdout[-2000:]


def test_h2load_has_no_failures(edge):
    done = subprocess.run([need("h2load"), "-n", "500", "-c", "5", "-m", "20", "-t", "1", "-H", ":authority: a.example.com",
                           f"https://{edge['https']}/"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert "500 succeeded, 0 failed" in done.stdout, done.stdout + done.stderr
    assert "status codes: 500 2xx" in done.stdout, done.stdout
