"""Which fields go through, which stop here, and who may say what about the client."""

import re

import pytest

from sluice import command, config, write_config

MINE = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Request-ID"]


def as_read_by_applications(name):
    """CGI and its heirs make _ of every byte that is neither letter nor digit: to them these are the same field."""
    return re.sub("[^a-z0-9]", "-", name.lower())


def arrived(stage, *lines, target="/x"):
    """Sends a GET with these lines; returns the request as the application saw it."""
    with stage.connect() as visitor:
        answer = visitor.get(target, *lines)
    assert answer.status == 200, answer.body
    return stage.app.last(target).request


def test_what_is_added(stage):
    request = arrived(stage)
    assert request.get("X-Forwarded-For") == "127.0.0.1"
    assert request.get("X-Forwarded-Proto") == "http"
    assert request.get("X-Forwarded-Host") == "app.test"
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", request.get("X-Request-ID"))


def test_request_ids_differ(stage):
    assert len({arrived(stage).get("X-Request-ID") for _ in range(50)}) == 50


@pytest.mark.parametrize("name,lie", [
    ("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.test"),
    ("X-Request-ID", "evil-request-id"), ("X-Real-IP", "6.6.6.6"), ("Forwarded", "for=6.6.6.6;proto=https;host=evil.test"),
])
@pytest.mark.parametrize("spelling", ["as is", "lower", "upper", "twice", "underscores", "one underscore", "dots", "tildes", "empty and lie"])
def test_an_untrusted_client_cannot_speak_for_a_proxy(stage, name, lie, spelling):
    lines = {"as is": [f"{name}: {lie}"], "lower": [f"{name.lower()}: {lie}"], "upper": [f"{name.upper()}: {lie}"],
             "twice": [f"{name}: {lie}", f"{name}: {lie}"], "underscores": [f"{name.replace('-', '_')}: {lie}"],
             "one underscore": [f"{name.replace('-', '_', 1)}: {lie}"],
             "dots": [f"{name.replace('-', '.')}: {lie}"], "tildes": [f"{name.replace('-', '~')}: {lie}"],
             "empty and lie": [f"{name}:", f"{name}: {lie}"]}
    request = arrived(stage, *lines[spelling])
    for field, value in request.fields:
        assert lie not in value, f"the lie arrived as {field}: {value}"
    for own in MINE:
        twins = [n for n, _ in request.fields if as_read_by_applications(n) == own.lower()]
        assert len(twins) == 1, twins


@pytest.mark.parametrize("named", [*MINE, ", ".join(MINE), "X-Real-IP, Forwarded, " + ", ".join(n.lower() for n in MINE)])
def test_connection_cannot_strip_what_is_added(stage, named):
    for lines in ([f"Connection: {named}"], [f"Connection: close, {named}"], ["Connection: keep-alive", f"Connection: {named}"]):
        request = arrived(stage, *lines)
        assert request.get("X-Forwarded-For") == "127.0.0.1"
        assert request.get("X-Forwarded-Proto") == "http"
        assert request.get("X-Forwarded-Host") == "app.test"
        assert request.get("X-Request-ID")


def test_fields_named_by_connection_stop_here(stage):
    request = arrived(stage, "Connection: X-Hop, keep-alive ,x-other", "X-Hop: 1", "X-OTHER: 2", "X-End: 3", "X-Hop: 4")
    assert not request.all("X-Hop") and not request.all("X-Other")
    assert request.get("X-End") == "3"


@pytest.mark.parametrize("line", ["Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "TE: gzip", "Upgrade: websocket",
                                  "Proxy-Authorization: Basic eDp5", "Proxy-Authenticate: Basic"])
def test_hop_by_hop_fields_stop_here(stage, line):
    request = arrived(stage, line)
    if line.startswith("Proxy-Auth"):
        # RFC 9110 leaves it to the proxy; a gateway that does not ask for it may pass it on.
        assert len(request.all(line.partition(":")[0])) <= 1
    else:
        assert not request.all(line.partition(":")[0])


def test_hop_by_hop_fields_of_the_answer_stop_here(stage):
    stage.app.play("/x", lambda visit: visit.reply(body=b"ok", fields=[
        "Connection: X-Hop", "X-Hop: 1", "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "Upgrade: h2c", "X-End: 2"]))
    with stage.connect() as visitor:
        answer = visitor.get("/x")
    for name in ("X-Hop", "Keep-Alive", "Proxy-Connection", "Upgrade"):
        assert not answer.all(name)
    assert answer.get("X-End") == "2"


def test_the_answer_passes_as_it_is(stage):
    stage.app.play("/x", lambda visit: visit.reply(body=b"ok", fields=[
        "Server: its-own", "Set-Cookie: a=1", "Set-Cookie: b=2; Path=/", "WWW-Authenticate: Basic", "ETag: \"x\"",
        "Cache-Control: no-store", "Date: Thu, 01 Jan 1970 00:00:00 GMT", "Vary: Accept, Cookie"]))
    with stage.connect() as visitor:
        answer = visitor.get("/x")
    assert answer.all("Set-Cookie") == ["a=1", "b=2; Path=/"]
    assert answer.get("Server") == "its-own"
    assert answer.get("Date") == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert answer.get("ETag") == '"x"'
    assert answer.get("WWW-Authenticate") == "Basic"
    assert not answer.all("Proxy-Status")


# What many applications believe of whoever stands in front of them.
CLAIMS = ["CF-Connecting-IP", "CF-Connecting-IPv6", "Client-IP", "Fastly-Client-IP", "Fly-Client-IP", "Forwarded",
          "Forwarded-For", "Front-End-Https", "Proxy-Client-IP", "True-Client-IP", "WL-Proxy-Client-IP", "X-Azure-ClientIP",
          "X-Client-IP", "X-Cluster-Client-IP", "X-Host", "X-HTTP-Host-Override", "X-HTTP-Method", "X-HTTP-Method-Override",
          "X-Method-Override", "X-Original-Forwarded-For", "X-Original-Host", "X-Original-URL", "X-ProxyUser-Ip", "X-Real-IP",
          "X-Rewrite-URL", "X-Scheme", "X-Url-Scheme"]
SPELLINGS = [str, str.lower, str.upper, lambda name: name.replace("-", "_"), lambda name: name.replace("-", ".")]


@pytest.mark.parametrize("name", [*CLAIMS, "Proxy", "X-Forwarded", "X-Forwarded-Prefix", "X-Forwarded-Server"])
def test_claims_of_a_client_stop_here(stage, name):
    lines = {f"{spell(name)}: claimed" for spell in SPELLINGS}
    request = arrived(stage, *lines, "X-Mine: stays")
    assert not [field for field in request.fields if "claimed" in field[1]]
    assert request.get("X-Mine") == "stays"


@pytest.mark.parametrize("name", ["Proxy", "X-Original-URL", "X-Client-IP", "CDN-Loop", "x_http_method_override"])
def test_claims_do_not_come_in_behind_the_body(stage, name):
    with stage.connect() as visitor:
        visitor.send(b"POST /x HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
                     + name.encode() + b": claimed\r\n\r\n")
        assert visitor.response().status == 400


def test_claims_pass_where_the_operator_lets_them(start, app):
    sluice = start(config(app, pass_headers=["X-HTTP-Method-Override", "x-original-url"]))
    sluice.get("/x", *(f"{name}: claimed" for name in CLAIMS), "X_Original_URL: claimed", "Proxy: claimed")
    request = app.last("/x").request
    assert [name for name, value in request.fields if value == "claimed"] == ["X-HTTP-Method-Override", "X-Original-URL"]


@pytest.mark.parametrize("name,why", [
    ("X-Orginal-URL", 'did you mean "x-original-url"?'), ("Cookie", "is not one of the fields"), ("Proxy", "is never passed on"),
    ("X-Forwarded-For", "is believed of peers in trusted_proxies"), ("X-Forwarded-Prefix", "trusted_proxies"),
    ("X_Original_URL", 'did you mean "x-original-url"?')])
def test_only_claims_can_be_let_through(app, tmp_path, name, why):
    file = tmp_path / "sluice.yaml"
    write_config(file, config(app, pass_headers=["X-Host", name]))
    done = command("check", "--config", file)
    assert done.returncode == 1
    assert f'pass_headers[1]: "{name}"' in done.stderr and why in done.stderr


# --- behind another proxy ------------------------------------------------------------------------------------

@pytest.fixture
def behind(start, app):
    """Sluice that trusts loopback; returns a function like `arrived`."""
    sluice = start(config(app, trusted_proxies=["127.0.0.0/8"]))

    def ask(*lines):
        with sluice.connect() as visitor:
            assert visitor.get("/x", *lines).status == 200
        return app.last("/x").request

    return ask


def test_a_trusted_proxy_is_believed(behind):
    request = behind("X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: shop.test",
                     "X-Request-ID: abc-123")
    assert request.get("X-Forwarded-For") == "203.0.113.7, 127.0.0.1"
    assert request.get("X-Forwarded-Proto") == "https"
    assert request.get("X-Forwarded-Host") == "shop.test"
    assert request.get("X-Request-ID") == "abc-123"


def test_a_trusted_proxy_may_make_claims(behind):
    request = behind(*(f"{name}: told" for name in CLAIMS), "Proxy: told")
    assert [name for name, value in request.fields if value == "told"] == CLAIMS


def test_a_trusted_proxy_that_says_nothing(behind):
    request = behind()
    assert request.get("X-Forwarded-For") == "127.0.0.1"
    assert request.get("X-Forwarded-Proto") == "http"
    assert request.get("X-Forwarded-Host") == "app.test"
    assert request.get("X-Request-ID")


def test_a_chain_grows_at_the_end(behind):
    request = behind("X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 203.0.113.7")
    assert ", ".join(request.all("X-Forwarded-For")) == "198.51.100.1, 203.0.113.7, 127.0.0.1"


@pytest.mark.parametrize("name", ["X_Forwarded_For", "X_Forwarded_Proto", "X_Request_ID", "X_Real_IP"])
def test_underscore_twins_are_not_believed_from_anybody(behind, name):
    request = behind(f"{name}: 6.6.6.6")
    assert not request.all(name)


def test_connection_cannot_strip_behind_a_proxy_either(behind):
    request = behind("X-Forwarded-For: 203.0.113.7", "X-Request-ID: abc-123",
                     "Connection: X-Forwarded-For, X-Request-ID, X-Forwarded-Proto")
    assert request.get("X-Forwarded-For").endswith("127.0.0.1")
    assert request.get("X-Request-ID") and request.get("X-Forwarded-Proto")


def test_other_networks_are_not_trusted(start, app):
    sluice = start(config(app, trusted_proxies=["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"]))
    with sluice.connect() as visitor:
        visitor.get("/x", "X-Forwarded-For: 10.0.0.1", "X-Request-ID: abc-123")
    request = app.last("/x").request
    assert request.get("X-Forwarded-For") == "127.0.0.1"
    assert request.get("X-Request-ID") != "abc-123"


def test_ipv6_clients_are_named_too(start, app):
    sluice = start(config(app, listeners={"http": "[::1]:0"}))
    with sluice.connect() as visitor:
        visitor.get("/x")
    assert app.last("/x").request.get("X-Forwarded-For") == "::1"
