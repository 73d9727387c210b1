"""Unusual requests that are in order, and how they must arrive at the application.

VALID has to be passed. Of BORDERLINE others think differently: what Sluice refuses is in STRICTER with the status, the
rest has to be passed in the one form given, which leaves no second reading.
"""

from dataclasses import dataclass

from cases_requests import get, shown
from wire import chunks

ANY = object()


@dataclass(frozen=True)
class Arrival:
    """A request, and what the application sees of it beside the fields that Sluice adds."""

    name: str
    request: bytes
    line: tuple      # acceptable request lines
    fields: tuple    # (lower-case name, value) in the order they must keep; Host apart
    host: object     # acceptable Host values, or ANY
    body: bytes
    trailers: tuple
    framing: str     # none | length | chunked

    def __str__(self):
        return self.name


def arrives(name, request, line=None, fields=(), host=("app.test",), body=b"", trailers=(), framing=None):
    if isinstance(request, str):
        request = request.encode("latin-1")
    line = (line,) if isinstance(line, str) else line
    host = (host,) if isinstance(host, str) else host
    framing = framing or ("length" if body else "none")
    return Arrival(name, request, line or ("GET /x HTTP/1.1",), tuple(fields), host, body, tuple(trailers), framing)


def target(name, what, becomes=None):
    return arrives(f"target-{name}", get(target=what), f"GET {becomes or what} HTTP/1.1")


def field(name, *lines, becomes):
    return arrives(f"field-{name}", get(*lines), fields=becomes)


def host(name, what, *becomes):
    return arrives(f"host-{name}", get(host=what), host=becomes or (what,))


def sent(name, framing, body, becomes=b"hello", trailers=(), fields=(), method="POST"):
    """A request with a body as `framing` lines and body bytes."""
    return arrives(f"body-{name}", get(*framing, method=method) + body, f"{method} /x HTTP/1.1", fields, body=becomes,
                   trailers=trailers, framing="chunked" if any("ransfer-" in f.lower() for f in framing) else "length")


TE = ["Transfer-Encoding: chunked"]
LONG = "x" * 8_000

TARGETS = [
    target("root", "/"),
    target("percent-space", "/a%20b"),
    target("sub-delims", "/a!$&'()*+,;=:@b"),
    target("unreserved", "/a-._~b"),
    target("percent-upper", "/%C3%A9"),
    target("percent-lower", "/%c3%a9"),
    target("percent-latin-1", "/%e9"),
    target("encoded-dot-inside", "/a%2eb"),
    target("encoded-percent", "/%252e%252e/x"),
    target("three-dots", "/.../x"),
    target("dots-then-name", "/..a/x"),
    target("name-then-dots", "/a../x"),
    target("hidden-file", "/.hidden"),
    target("well-known", "/.well-known/acme-challenge/token"),
    target("double-slash", "//a//b"),
    target("trailing-slashes", "/a//"),
    target("parameter", "/a;b=c;d"),
    target("colon", "/a:b"),
    target("looks-like-url", "/http://evil.test/x"),
    target("query-empty", "/x?"),
    target("query-only-question-marks", "/x???"),
    target("query-braces", "/x?a={}|[]"),
    target("query-bare-percent", "/x?q=100%"),
    target("query-url", "/x?next=http://evil.test/../y?z"),
    target("query-dots", "/x?../../etc/passwd"),
    target("query-plus", "/x?a+b&c=&=d&&"),
    target("query-encoded-nul", "/x?a=%00"),
    target("query-encoded-line", "/x?a=%0d%0aX-Evil:%201"),
    target("long", "/" + LONG),
    target("long-query", "/x?" + LONG),
]

FORMS = [
    *(arrives(f"leading-crlf-{count}", b"\r\n" * count + get()) for count in range(1, 5)),
    arrives("absolute", get(target="http://app.test/a?b"), "GET /a?b HTTP/1.1"),
    arrives("absolute-no-path", get(target="http://app.test"), "GET / HTTP/1.1"),
    arrives("absolute-no-path-query", get(target="http://app.test?b"), "GET /?b HTTP/1.1"),
    arrives("absolute-upper-case", get(target="HTTP://APP.TEST/a"), "GET /a HTTP/1.1", host=("app.test", "APP.TEST")),
    arrives("absolute-port", get(target="http://app.test:8080/a", host="app.test:8080"), "GET /a HTTP/1.1",
            host="app.test:8080"),
    arrives("absolute-1.0", get(target="http://app.test/a", host=None, version="HTTP/1.0"), "GET /a HTTP/1.1"),
    arrives("absolute-double-slash", get(target="http://app.test//a"), "GET //a HTTP/1.1"),
    arrives("options-asterisk", get(target="*", method="OPTIONS"), "OPTIONS * HTTP/1.1"),
    arrives("options-path", get(method="OPTIONS"), "OPTIONS /x HTTP/1.1"),
    arrives("options-absolute", get(target="http://app.test", method="OPTIONS"), ("OPTIONS * HTTP/1.1", "OPTIONS / HTTP/1.1")),
    arrives("1.0-no-host", get(host=None, version="HTTP/1.0"), host=ANY),
    arrives("1.0-host", get(version="HTTP/1.0")),
    arrives("1.0-keep-alive", get("Connection: keep-alive", version="HTTP/1.0")),
    arrives("options-32", get("Connection: " + ", ".join(f"x{i}" for i in range(31)), "Connection: keep-alive")),
    arrives("1.0-post", get("Content-Length: 5", method="POST", version="HTTP/1.0") + b"hello", "POST /x HTTP/1.1",
            body=b"hello"),
]
FORMS += [arrives(f"method-{shown(m)}", get(method=m), f"{m} /x HTTP/1.1")
          for m in ("HEAD", "DELETE", "PUT", "PATCH", "POST", "PROPFIND", "MKCOL", "M-SEARCH", "REPORT", "QUERY",
                    "X-CUSTOM_1", "PURGE")]

HOSTS = [
    host("case-dot-port", "EXAMPLE.com.:8080", "EXAMPLE.com.:8080", "example.com:8080", "example.com.:8080"),
    host("upper", "APP.TEST", "APP.TEST", "app.test"),
    host("trailing-dot", "app.test.", "app.test.", "app.test"),
    host("port", "app.test:8080"),
    host("default-port", "app.test:80", "app.test:80", "app.test"),
    host("single-label", "localhost"),
    host("ipv4", "127.0.0.1"),
    host("ipv6", "[::1]"),
    host("ipv6-port", "[2001:db8::1]:8080"),
    host("punycode", "xn--bcher-kva.test"),
    host("digits", "1.2.3.4.test"),
    host("dashes", "a-b--c.test"),
    host("long-label", "a" * 63 + ".test"),
    arrives("host-no-space", b"GET /x HTTP/1.1\r\nHost:app.test\r\n\r\n"),
    arrives("host-much-space", b"GET /x HTTP/1.1\r\nhOST: \t app.test \t \r\n\r\n"),
    arrives("host-last", b"GET /x HTTP/1.1\r\nA: b\r\nHost: app.test\r\n\r\n", fields=[("a", "b")]),
]

FIELDS = [
    field("empty", "A:", becomes=[("a", "")]),
    field("only-space", "A:   \t ", becomes=[("a", "")]),
    field("space-around", "A: \t b c \t", becomes=[("a", "b c")]),
    field("no-space", "A:b", becomes=[("a", "b")]),
    field("tab-inside", "A: b\tc", becomes=[("a", "b\tc")]),
    field("obs-text", "A: caf\xe9", becomes=[("a", "caf\xe9")]),
    field("utf-8", "A: é".encode(), becomes=[("a", "é".encode().decode("latin-1"))]),
    field("colons", "A: b:c: d", becomes=[("a", "b:c: d")]),
    field("quotes", 'A: "b, \\"c\\""', becomes=[("a", '"b, \\"c\\""')]),
    field("delimiters", "A: (),/:;<=>?@[\\]{}", becomes=[("a", "(),/:;<=>?@[\\]{}")]),
    field("token-name", "a!#$%&'*+-.^_`|~9: b", becomes=[("a!#$%&'*+-.^_`|~9", "b")]),
    field("digit-name", "1: b", becomes=[("1", "b")]),
    field("long-value", "A: " + "b" * 16_000, becomes=[("a", "b" * 16_000)]),
    field("long-name", "A" * 1000 + ": b", becomes=[("a" * 1000, "b")]),
    field("twice", "A: b", "C: d", "A: e", becomes=[("a", "b"), ("c", "d"), ("a", "e")]),
    field("hundred", *(f"A{i}: {i}" for i in range(99)), becomes=[(f"a{i}", str(i)) for i in range(99)]),
    field("te-trailers", "TE: trailers", "Connection: TE", becomes=[]),
    field("end-to-end", "Authorization: Basic eDp5", "Range: bytes=0-1", "If-None-Match: *", "Accept-Encoding: br",
          becomes=[("authorization", "Basic eDp5"), ("range", "bytes=0-1"), ("if-none-match", "*"), ("accept-encoding", "br")]),
    field("connection-close", "Connection: close", becomes=[]),
    field("connection-names-field", "Connection: keep-alive, X-Hop", "X-Hop: 1", "X-End: 2", becomes=[("x-end", "2")]),
    field("connection-empty-members", "Connection: , ,keep-alive,,", becomes=[]),
    field("hop-by-hop", "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "A: b", becomes=[("a", "b")]),
    field("upgrade-without-connection", "Upgrade: websocket", "A: b", becomes=[("a", "b")]),
    field("h2c", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__", becomes=[]),
    field("h2c-without-settings", "Connection: Upgrade", "Upgrade: h2c", becomes=[]),
    field("h2c-settings-not-named", "Connection: Upgrade", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__", becomes=[]),
    field("h2c-case", "Connection: uPGRADE, http2-settings", "Upgrade: H2C", "HTTP2-Settings: AAMAAABkAAQAAP__", becomes=[]),
]

BODIES = [
    sent("length", ["Content-Length: 5"], b"hello"),
    sent("length-space", ["Content-Length:   5 \t"], b"hello"),
    sent("length-lower-case", ["content-length:5"], b"hello"),
    sent("chunked", TE, chunks(b"hello")),
    sent("chunked-case", ["transfer-ENCODING: CHUNKED"], chunks(b"hello")),
    sent("chunked-pieces", TE, chunks(b"h", b"el", b"lo")),
    sent("chunked-upper-hex", TE, b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    sent("chunked-lower-hex", TE, b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    sent("chunked-zeros-at-end", TE, b"5\r\nhello\r\n000\r\n\r\n"),
    sent("chunked-extension", TE, b"5;a=b;c\r\nhello\r\n0;d\r\n\r\n"),
    sent("chunked-extension-quoted", TE, b'5;a="b ;\\" c"\r\nhello\r\n0\r\n\r\n'),
    sent("chunked-large", TE, chunks(b"x" * 100_000), b"x" * 100_000),
    sent("chunked-many", TE, chunks(*[b"ab"] * 3_000), b"ab" * 3_000),
    sent("chunked-data-like-frames", TE, chunks(b"0\r\n\r\n", b"\r\n\r\n", b"\n"), b"0\r\n\r\n\r\n\r\n\n"),
    sent("trailers", TE, chunks(b"hello", trailers="X-Check: 1\r\nX-Sum: abc\r\n"),
         trailers=[("x-check", "1"), ("x-sum", "abc")]),
    sent("trailers-announced", [*TE, "Trailer: X-Check"], chunks(b"hello", trailers="X-Check: 1\r\n"),
         trailers=[("x-check", "1")]),
    sent("delete", ["Content-Length: 5"], b"hello", method="DELETE"),
    sent("get", ["Content-Length: 5"], b"hello", method="GET"),
    sent("get-chunked", TE, chunks(b"hello"), method="GET"),
    sent("options", ["Content-Length: 5"], b"hello", method="OPTIONS"),
    sent("looks-like-request", ["Content-Length: 43"], b"GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n\n",
         b"GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n\n"),
    arrives("body-length-zero", get("Content-Length: 0", method="POST"), "POST /x HTTP/1.1"),
    arrives("body-get-length-zero", get("Content-Length: 0")),
    arrives("body-chunked-empty", get(*TE, method="POST") + b"0\r\n\r\n", "POST /x HTTP/1.1", framing="chunked"),
    arrives("body-expect", get("Content-Length: 5", "Expect: 100-Continue", method="POST") + b"hello", "POST /x HTTP/1.1",
            fields=[("expect", "100-continue")], body=b"hello"),
]

VALID = TARGETS + FORMS + HOSTS + FIELDS + BODIES

BORDERLINE = [
    sent("coding-space-after", ["Transfer-Encoding: chunked "], chunks(b"hello")),
    sent("coding-tab-after", ["Transfer-Encoding: chunked\t"], chunks(b"hello")),
    sent("coding-tab-before", ["Transfer-Encoding:\tchunked"], chunks(b"hello")),
    sent("coding-no-space", ["Transfer-Encoding:chunked"], chunks(b"hello")),
    sent("chunk-size-zeros", TE, b"0000000000000005\r\nhello\r\n0\r\n\r\n"),
    sent("chunk-size-more-zeros", TE, b"0" * 100 + b"5\r\nhello\r\n0\r\n\r\n"),
    sent("chunk-extension-spaces", TE, b"5 ; a = b\r\nhello\r\n0\r\n\r\n"),
    sent("chunk-extension-raw-value", TE, b'5;a="\xe9"\r\nhello\r\n0\r\n\r\n'),
    sent("connection-names-length", ["Content-Length: 5", "Connection: Content-Length"], b"hello"),
    sent("connection-names-coding", [*TE, "Connection: Transfer-Encoding"], chunks(b"hello")),
    arrives("odd-connection-names-host", get("Connection: Host")),
    arrives("odd-version-1.2", get(version="HTTP/1.2")),
    arrives("odd-version-1.9", get(version="HTTP/1.9")),
    host("empty-port", "app.test:", "app.test:", "app.test"),
    host("underscore", "a_b.test"),
    host("dash-first", "-a.test"),
    host("port-zero", "app.test:0"),
    target("encoded-slash", "/a%2fb"),
    target("encoded-slash-upper", "/a%2Fb"),
    target("encoded-slash-first", "/%2fevil.test"),
    target("encoded-backslash", "/a%5cb"),
    target("dots-parameter", "/a/..;/b"),
    target("encoded-line", "/a%0d%0aX-Evil:%201"),
    target("double-quote", '/a"b'),
    target("angles", "/a<b>"),
    target("caret", "/a^b`"),
    target("braces", "/a{b}|[c]"),
    target("query-quotes", "/x?a=\"<>^`\\"),
    target("overlong-utf-8", "/%c0%ae%c0%ae/x"),
    arrives("odd-absolute-https", get(target="https://app.test/x")),
    arrives("odd-absolute-default-port", get(target="http://app.test:80/x"), host=("app.test", "app.test:80")),
    arrives("odd-absolute-trailing-dot", get(target="http://app.test./x"), host=("app.test", "app.test.")),
]

STRICTER = {**dict.fromkeys(["body-chunk-extension-spaces", "body-chunk-size-zeros", "body-chunk-size-more-zeros", "host-dash-first",
                             "host-empty-port", "host-port-zero", "target-angles", "target-braces", "target-caret",
                             "target-dots-parameter", "target-double-quote", "target-query-quotes"], 400),
            **dict.fromkeys(["odd-version-1.2", "odd-version-1.9"], 505)}
