"""Requests of HTTP/2 on their way to an application that speaks HTTP/1.1.

REFUSED must never arrive. PASSED has to, and so has what is BORDERLINE, but for
what STRICTER names.
"""

from dataclasses import dataclass
from typing import Optional

from cases_requests import CONTROLS, shown, told
from http2 import head

# What the application may have seen of it.
NOTHING = "nothing"  # not one byte
BROKEN = "broken"    # at most a message that visibly breaks off


@dataclass(frozen=True)
class Refusal:
    name: str
    fields: list
    pieces: tuple     # DATA to send after the head; none: the head ends the stream
    trailers: list
    status: Optional[int]  # of the answer; None: the stream is reset with PROTOCOL_ERROR
    upstream: str
    rule: str = ""  # that is broken, as Sluice calls it

    def __str__(self):
        return self.name


# What the frames alone show to be malformed (RFC 9113 §8.1.1) is an error of the stream.
def refused(name, fields, *pieces, trailers=None, status=None, upstream=NOTHING):
    return Refusal(name, fields, pieces, trailers, status, upstream)


# What is refused for what it says is told so, as in HTTP/1.1.
def answered(name, fields, *pieces, status=400, **how):
    return refused(name, fields, *pieces, status=status, **how)


def get(*more, **pseudo):
    return head("GET", pseudo.pop("path", "/x"), *more, **pseudo)


def post(*more, **pseudo):
    return head("POST", pseudo.pop("path", "/x"), *more, **pseudo)


SMUGGLED = " HTTP/1.1\r\nHost: app.test\r\n\r\nGET /smuggled HTTP/1.1\r\nX: "
WHOLE = dict(head("GET", "/x"))


def listed(*names, **changed):
    """The pseudo-fields in this order."""
    values = {**WHOLE, **{f":{name}": value for name, value in changed.items()}}
    return [(f":{name}", values[f":{name}"]) for name in names]


PSEUDO = {
    "after-a-field": [("a", "b"), *get()],
    "between-fields": [*listed("method", "scheme", "path"), ("a", "b"), *listed("authority")],
    "last-after-a-field": [*listed("method", "scheme", "authority"), ("a", "b"), *listed("path")],
    "method-missing": listed("scheme", "authority", "path"),
    "scheme-missing": listed("method", "authority", "path"),
    "path-missing": listed("method", "scheme", "authority"),
    "only-authority": listed("authority"),
    "none": [("a", "b")],
    "no-field-at-all": [],
    "authority-and-host-missing": listed("method", "scheme", "path"),
    "method-twice": [*get(), (":method", "GET")],
    "method-twice-different": [*get(), (":method", "POST")],
    "scheme-twice": [*get(), (":scheme", "http")],
    "path-twice": [*get(), (":path", "/x")],
    "path-twice-different": [*get(), (":path", "/smuggled")],
    "authority-twice": [*get(), (":authority", "app.test")],
    "authority-twice-different": [*get(), (":authority", "evil.test")],
    "method-empty": head("", "/x"),
    "scheme-empty": get(scheme=""),
    "path-empty": get(path=""),
    "authority-empty": get(authority=""),
    "unknown": [*get(), (":test", "ok")],
    "of-responses": [*get(), (":status", "200")],
    "upper-case": [(":METHOD", "GET"), *listed("scheme", "authority", "path")],
    "only-a-colon": [*get(), (":", "a")],
    "two-colons": [*get(), ("::path", "/x")],
    "with-space": [*get(), (":path ", "/smuggled")],
    "protocol-without-connect": get(protocol="websocket"),
    "host-spelt-as-pseudo": [*get(), (":host", "evil.test")],
}
pseudo = [refused(f"pseudo-{name}", fields) for name, fields in PSEUDO.items()]

# What has no place in a name, and in a value. RFC 9113 §8.2.1 names the first of each.
NAMES = {"upper": "X-Upper", "upper-last": "abC", "upper-host": "Host", "nul": "a\0b", "lf": "a\nb", "cr": "a\rb",
         "crlf": "a\r\nx-evil: 1\r\nb", "crlf-ends-head": "a\r\n\r\nGET /smuggled HTTP/1.1\r\nx", "space": "a b",
         "space-first": " a", "space-last": "a ", "tab": "a\tb", "tab-last": "a\t", "colon": "a:b", "colon-last": "a:",
         "colon-looks-like-a-line": "transfer-encoding: chunked\r\nx", "empty": "", "delete": "a\x7fb", "8-bit": "a\xe9b",
         "ff": "\xff", "control": "a\x01b"}
names = [refused(f"name-{name}", [*get(), (bad, "v")]) for name, bad in NAMES.items()]
names += [refused(f"name-no-token-{shown(c)}", [*get(), (f"a{c}b", "v")]) for c in '()<>@,;"/[]?={}\\']

VALUES = {"nul": "a\0b", "nul-first": "\0", "lf": "a\nb", "lf-makes-field": "a\nx-evil: 1", "cr": "a\rb", "cr-last": "a\r",
          "lf-last": "a\n", "crlf": "a\r\nx-evil: 1", "crlf-ends-head": "a\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: app.test",
          "fold": "a\r\n b", "space-first": " a", "space-last": "a ", "tab-first": "\ta", "tab-last": "a\t", "only-space": " "}
values = [refused(f"value-{name}", [*get(), ("a", bad)]) for name, bad in VALUES.items()]
values += [refused(f"value-control-{code:02x}", [*get(), ("a", f"b{chr(code)}c")]) for code in CONTROLS if code]
values += [refused("value-crlf-in-cookie", [*get(), ("cookie", "a=b\r\nx-evil: 1")]),
           refused("value-nul-in-cookie", [*get(), ("cookie", "a=b"), ("cookie", "\0")])]

METHODS = {"space": "GET POST", "space-last": "GET ", "space-first": " GET", "lf": "GET\n", "nul": "GET\0",
           "crlf": "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\nGET", "smuggles": f"GET /x{SMUGGLED}", "tab": "GET\t/x",
           "no-token": "G(ET", "8-bit": "G\xc9T", "comma": "GET,POST", "quoted": '"GET"', "slash": "GET/"}
methods = [refused(f"method-{name}", head(bad, "/x")) for name, bad in METHODS.items()]
methods += [answered("method-lower-case", head("get", "/x")),
            answered("method-mixed-case", head("Post", "/x")),
            answered("method-too-long", head("A" * 200, "/x")),
            answered("method-trace", head("TRACE", "/x"), status=405),
            answered("method-connect", [(":method", "CONNECT"), (":authority", "app.test:443")], status=405),
            refused("method-connect-with-path", head("CONNECT", "/x")),
            refused("method-connect-with-path-only", [(":method", "CONNECT"), (":authority", "app.test:443"), (":path", "/x")]),
            refused("method-connect-without-authority", [(":method", "CONNECT")]),
            answered("method-pri", head("PRI", "*"))]

PATHS = {"space": "/x y", "space-first": " /x", "space-last": "/x ", "tab": "/x\ty", "lf": "/x\n", "cr": "/x\r", "nul": "/x\0",
         "crlf": "/x\r\nx-evil: 1", "smuggles": f"/x{SMUGGLED}", "version": "/x HTTP/1.1", "control": "/x\x01", "delete": "/x\x7f",
         "fragment": "/x#y", "fragment-only": "#", "absolute": "http://app.test/x", "absolute-other": "http://evil.test/x",
         "asterisk": "*", "no-slash": "x", "query-only": "?x", "authority": "app.test:80", "at": "@evil.test/x",
         "colon-at": ":@evil.test/x", "backslash": "/x\\y", "8-bit": "/\xe9", "utf-8": "/é".encode(), "quote": '/"x"',
         "angle": "/<x>", "percent-nul": "/%00", "percent-alone": "/%", "percent-no-hex": "/%zz", "dots": "/../x",
         "dots-inside": "/a/../b", "dots-last": "/a/..", "dot": "/./x", "dots-encoded": "/%2e%2e/x", "dots-encoded-slash": "/a/..%2fb",
         "dots-with-parameter": "/a/..;x/b", "space-in-query": "/x?a b", "8-bit-in-query": "/x?\xe9", "lf-in-query": "/x?a\nb"}
# Bytes that no value may have, and spaces.
MALFORMED_PATHS = {"lf", "cr", "nul", "crlf", "smuggles", "lf-in-query", "space-first", "space-last", "control", "delete", "space",
                   "version", "space-in-query"}
paths = [(refused if name in MALFORMED_PATHS else answered)(f"path-{name}", get(path=bad)) for name, bad in PATHS.items()]
paths += [answered("path-too-long", get(path="/" + "x" * 40_000), status=414),
          answered("path-asterisk-options-and-more", head("OPTIONS", "*/x"))]

AUTHORITIES = {"userinfo": "user@app.test", "userinfo-password": "user:secret@app.test", "userinfo-empty": "@app.test",
               "userinfo-looks-like-host": "app.test:80@evil.test", "port-too-large": "app.test:99999", "port-letters": "app.test:80x",
               "port-negative": "app.test:-1", "port-twice": "app.test:80:80", "port-only": ":80", "space": "app .test",
               "slash": "app.test/", "path": "app.test/x", "query": "app.test?x", "fragment": "app.test#x", "list": "app.test,evil.test",
               "url": "http://app.test", "open-bracket": "[::1", "no-bracket": "::1", "bad-ipv6": "[zz]", "two-dots": "app..test",
               "percent": "app%2etest", "backslash": "app.test\\", "8-bit": "b\xfccher.test", "asterisk": "*", "number": "127.1",
               "hex": "0x7f.0.0.1", "label-too-long": "a" * 64 + ".test"}
INJECTIONS = {"lf": "app.test\n", "crlf": "app.test\r\nx-evil: 1", "nul": "app.test\0", "space-last": "app.test ",
              "space-first": " app.test", "smuggles": f"app.test\r\n\r\nGET /smuggled{SMUGGLED}"}
authorities = [answered(f"authority-{name}", get(authority=bad)) for name, bad in AUTHORITIES.items()]
authorities += [refused(f"authority-{name}", get(authority=bad)) for name, bad in INJECTIONS.items()]
authorities += [answered(f"host-alone-{name}", get(("host", bad), authority=None))
                for name, bad in AUTHORITIES.items() if not name.startswith("userinfo")]
authorities += [refused(f"host-{name}", get(*lines, authority=authority)) for name, lines, authority in [
    ("differs", ["host: evil.test"], "app.test"),
    ("differs-in-port", ["host: app.test:81"], "app.test"),
    ("is-empty", [("host", "")], "app.test"),
    ("is-a-list", ["host: app.test, evil.test"], "app.test"),
    ("twice-equal", ["host: app.test", "host: app.test"], "app.test"),
    ("twice-one-differs", ["host: app.test", "host: evil.test"], "app.test"),
    ("alone-twice", ["host: app.test", "host: evil.test"], None),
    ("alone-twice-equal", ["host: app.test", "host: app.test"], None),
    ("alone-empty", [("host", "")], None),
    ("alone-crlf", [("host", "app.test\r\nx-evil: 1")], None),
    ("with-authority-empty", ["host: app.test"], ""),
]]

SCHEMES = {"ftp": "ftp", "unknown": "x", "with-colon": "http:", "url": "http://evil.test/?", "crlf": "http\r\nx-evil: 1", "space": "ht tp",
           "nul": "http\0", "smuggles": f"http://app.test/{SMUGGLED}", "8-bit": "h\xe9", "digit-first": "1http", "list": "http,https"}
schemes = [(refused if name in ("crlf", "nul", "smuggles") else answered)(f"scheme-{name}", get(scheme=bad))
           for name, bad in SCHEMES.items()]

CONNECTION = ["connection: keep-alive", "connection: close", "connection: x-hop", "connection: upgrade", ("connection", ""),
              "keep-alive: timeout=5", "proxy-connection: keep-alive", "proxy-connection: close", "transfer-encoding: chunked",
              "transfer-encoding: identity", "transfer-encoding: gzip, chunked", ("transfer-encoding", ""), "upgrade: websocket",
              "upgrade: h2c", "te: gzip", "te: trailers, deflate", "te: chunked", "te: trailers;q=0.5", "te: trailers, trailers2"]
connection = [refused(f"connection-{shown(': '.join(f) if isinstance(f, tuple) else f)}", get(f)) for f in CONNECTION]
connection += [
    refused("connection-chunked-with-body", post("transfer-encoding: chunked"), b"0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"),
    refused("connection-chunked-and-length", post("transfer-encoding: chunked", "content-length: 5"), b"0\r\n\r\n"),
    refused("connection-upgrade-websocket", get("connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13")),
]

LENGTHS = {"twice-equal": ["5", "5"], "twice-different": ["5", "6"], "list": ["5, 5"], "list-different": ["5,6"], "plus": ["+5"],
           "minus": ["-5"], "minus-zero": ["-0"], "hex": ["0x5"], "letters": ["five"], "empty": [""], "decimal": ["5.0"],
           "leading-zero": ["05"], "space-inside": ["5 0"], "exponent": ["5e0"], "too-large": [str(2**64 + 5)], "underscore": ["1_0"],
           "semicolon": ["5;"], "8-bit": ["\xb5"]}
lengths = [refused(f"length-{name}", post(*(("content-length", v) for v in said)), b"hello") for name, said in LENGTHS.items()]
lengths += [
    refused("length-no-body-at-all", post("content-length: 5")),
    refused("length-of-a-get-without-body", get("content-length: 5")),
    refused("length-body-longer", post("content-length: 4"), b"hello", upstream=BROKEN),
    refused("length-body-longer-later", post("content-length: 5"), b"hello", b"!", upstream=BROKEN),
    refused("length-body-shorter", post("content-length: 6"), b"hello", upstream=BROKEN),
    refused("length-body-empty", post("content-length: 5"), b"", upstream=BROKEN),
    refused("length-zero-with-body", post("content-length: 0"), b"hello", upstream=BROKEN),
    refused("length-body-longer-is-a-request", post("content-length: 5"), b"helloGET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n",
            upstream=BROKEN),
    refused("length-shorter-with-trailers", post("content-length: 6"), b"hello", trailers=[("x-sum", "1")], upstream=BROKEN),
]

TRAILERS = {"pseudo": (":path", "/smuggled"), "pseudo-status": (":status", "200"), "upper": ("X-Sum", "1"), "crlf": ("x-sum", "1\r\nx-evil: 1"),
            "nul": ("x-sum", "\0"), "name-with-space": ("x sum", "1"), "name-with-colon": ("x:sum", "1"), "connection": ("connection", "close"),
            "transfer-encoding": ("transfer-encoding", "chunked"), "space-last": ("x-sum", "1 "), "empty-name": ("", "1"),
            "name-with-crlf": ("x\r\n\r\nget", "1")}
FORBIDDEN = ["host: evil.test", "content-length: 5", "authorization: Basic eDp5", "cookie: a=b", "te: trailers", "x-forwarded-for: 6.6.6.6",
             "content-type: text/html", "expect: 100-continue", "trailer: x-sum", "x-request-id: evil", "forwarded: for=6.6.6.6"]
trailers = [refused(f"trailer-{name}", post(), b"hello", trailers=[pair], upstream=BROKEN) for name, pair in TRAILERS.items()]
trailers += [refused(f"trailer-forbidden-{line.partition(':')[0]}", post(), b"hello", trailers=[tuple(line.split(": "))], upstream=BROKEN)
             for line in FORBIDDEN]

expectations = [answered("expect-unknown", post("expect: the-spanish-inquisition", "content-length: 5"), b"hello", status=417)]

# Which rule each of them breaks.
pseudo = told("pseudo-twice", pseudo,
              pseudo_unknown="pseudo-unknown pseudo-of-responses pseudo-upper-case pseudo-only-a-colon pseudo-two-colons "
                             "pseudo-with-space pseudo-host-spelt-as-pseudo",
              pseudo_missing="pseudo-method-missing pseudo-scheme-missing pseudo-path-missing pseudo-only-authority pseudo-none "
                             "pseudo-no-field-at-all",
              pseudo_empty="pseudo-method-empty pseudo-scheme-empty pseudo-path-empty pseudo-authority-empty",
              pseudo_order="pseudo-after-a-field pseudo-between-fields pseudo-last-after-a-field",
              missing_host="pseudo-authority-and-host-missing",
              connect_form="pseudo-protocol-without-connect")
names = told("field-name", names,
             name_case="name-upper name-upper-last name-upper-host")
values = told("field-value", values)
methods = told("bad-method", methods,
               field_value="method-space-last method-space-first method-lf method-nul method-crlf method-smuggles",
               connect_form="method-connect-with-path method-connect-with-path-only method-connect-without-authority",
               method_denied="method-trace method-connect",
               asterisk_form="method-pri")
paths = told("path-byte", paths,
             field_value="path-space-first path-space-last path-lf path-cr path-nul path-crlf path-smuggles path-control "
                         "path-delete path-lf-in-query",
             target_form="path-fragment-only path-absolute path-absolute-other path-no-slash path-query-only path-authority path-at "
                         "path-colon-at path-asterisk-options-and-more",
             dot_segment="path-dots path-dots-inside path-dots-last path-dot path-dots-encoded path-dots-encoded-slash "
                         "path-dots-with-parameter",
             bad_percent="path-percent-alone path-percent-no-hex",
             asterisk_form="path-asterisk",
             encoded_nul="path-percent-nul",
             query_byte="path-8-bit-in-query",
             target_size="path-too-long")
authorities = told("host-byte", authorities,
                   host_port="authority-userinfo-password authority-userinfo-looks-like-host authority-port-too-large "
                             "authority-port-letters authority-port-negative authority-port-twice authority-url "
                             "host-alone-port-too-large host-alone-port-letters host-alone-port-negative host-alone-port-twice "
                             "host-alone-url",
                   field_value="authority-lf authority-crlf authority-nul authority-space-last authority-space-first authority-smuggles "
                               "host-alone-crlf",
                   missing_host="authority-port-only host-alone-port-only host-is-empty host-alone-empty authority-no-bracket "
                                "host-alone-no-bracket",
                   host_address="authority-open-bracket authority-bad-ipv6 host-alone-open-bracket host-alone-bad-ipv6",
                   host_label="authority-two-dots authority-label-too-long host-alone-two-dots host-alone-label-too-long",
                   host_number="authority-number authority-hex host-alone-number host-alone-hex",
                   two_hosts="host-twice-equal host-twice-one-differs host-alone-twice host-alone-twice-equal",
                   authority_host="host-differs host-differs-in-port host-is-a-list",
                   pseudo_empty="host-with-authority-empty")
schemes = told("bad-scheme", schemes,
               field_value="scheme-crlf scheme-nul scheme-smuggles")
connection = told("connection-field", connection,
                  te_field="connection-tex3a_gzip connection-tex3a_trailers,_deflate connection-tex3a_chunked "
                           "connection-tex3a_trailers;q=0.5 connection-tex3a_trailers,_trailers2")
lengths = told("bad-length", lengths,
               body_length="length-no-body-at-all length-of-a-get-without-body length-body-longer length-body-longer-later "
                           "length-body-shorter length-body-empty length-zero-with-body length-body-longer-is-a-request "
                           "length-shorter-with-trailers",
               two_lengths="length-twice-equal length-twice-different length-list length-list-different")
trailers = told("trailer-field", trailers,
                field_name="trailer-name-with-space trailer-name-with-colon trailer-empty-name trailer-name-with-crlf",
                field_value="trailer-crlf trailer-nul trailer-space-last",
                connection_field="trailer-connection trailer-transfer-encoding",
                name_case="trailer-upper")
expectations = told("bad-expectation", expectations)

REFUSED = (pseudo + names + values + methods + paths + authorities + schemes + connection + lengths + trailers + expectations)


# --- and what has to arrive ----------------------------------------------------------------------------------

@dataclass(frozen=True)
class Passage:
    name: str
    fields: list
    pieces: tuple
    trailers: list
    line: str
    host: tuple      # acceptable Host values
    arrived: tuple   # (lower-case name, value) beside what Sluice adds
    body: bytes
    framings: tuple  # acceptable ones

    def __str__(self):
        return self.name


def passed(name, fields, *pieces, trailers=None, line="GET /x", host=("app.test",), arrived=(), framings=None):
    if framings is None:
        framings = ("none",) if not pieces else ("length",) if any(n == "content-length" for n, _ in fields) else ("chunked", "length")
    return Passage(name, fields, pieces, trailers, f"{line} HTTP/1.1", host, tuple(arrived), b"".join(pieces), framings)


LONG = "x" * 8_000
PASSED = [
    passed("plain", get()),
    passed("pseudo-in-another-order", listed("path", "authority", "scheme", "method")),
    passed("query", get(path="/x?a=b&c=%20"), line="GET /x?a=b&c=%20"),
    passed("root", get(path="/"), line="GET /"),
    passed("double-slash", get(path="//evil.test/x"), line="GET //evil.test/x"),
    passed("percent", get(path="/a%20b/%C3%A9"), line="GET /a%20b/%C3%A9"),
    passed("sub-delims", get(path="/a!$&'()*+,;=:@b"), line="GET /a!$&'()*+,;=:@b"),
    passed("long-path", get(path="/" + LONG), line="GET /" + LONG),
    passed("options-asterisk", head("OPTIONS", "*"), line="OPTIONS *"),
    passed("options", head("OPTIONS", "/x"), line="OPTIONS /x"),
    *(passed(f"method-{method}", head(method, "/x"), line=f"{method} /x")
      for method in ("HEAD", "DELETE", "PROPFIND", "QUERY", "M-SEARCH")),
    passed("authority-with-port", get(authority="app.test:8080"), host=("app.test:8080",)),
    passed("authority-ipv6", get(authority="[2001:db8::1]:8080"), host=("[2001:db8::1]:8080",)),
    passed("authority-upper", get(authority="APP.TEST"), host=("APP.TEST", "app.test")),
    passed("authority-and-host-equal", get("host: app.test")),
    passed("host-alone", get("host: app.test:8080", authority=None), host=("app.test:8080",)),
    passed("te-trailers", get("te: trailers")),
    passed("fields", get("a: b", ("c", ""), "accept-language: de, en;q=0.5", "a: again"),
           arrived=[("a", "b"), ("c", ""), ("accept-language", "de, en;q=0.5"), ("a", "again")]),
    passed("obs-text", get(("a", "\xe9\xff")), arrived=[("a", "\xe9\xff")]),
    passed("colons-in-value", get(("a", ":b: c:")), arrived=[("a", ":b: c:")]),
    passed("inner-space", get(("a", "b  c\td")), arrived=[("a", "b  c\td")]),
    passed("name-of-odd-tokens", get(("a!#$%&'*+-.^`|~9", "b")), arrived=[("a!#$%&'*+-.^`|~9", "b")]),
    passed("long-value", get(("a", LONG)), arrived=[("a", LONG)]),
    passed("many-fields", get(*(f"x-{i}: {i}" for i in range(90))), arrived=[(f"x-{i}", str(i)) for i in range(90)]),
    passed("cookie-crumbs", get("cookie: a=1", "cookie: b=2", "cookie: c=3; d=4"), arrived=[("cookie", "a=1; b=2; c=3; d=4")]),
    passed("cookie-crumbs-apart", get("cookie: a=1", "x: y", "cookie: b=2"), arrived=[("x", "y"), ("cookie", "a=1; b=2")]),
    passed("cookie-alone", get("cookie: a=1; b=2"), arrived=[("cookie", "a=1; b=2")]),
    passed("cookie-crumbs-many", get(*(f"cookie: c{i}={i}" for i in range(50))),
           arrived=[("cookie", "; ".join(f"c{i}={i}" for i in range(50)))]),
    passed("post-length", post("content-length: 5"), b"hello", line="POST /x"),
    passed("post-length-in-pieces", post("content-length: 11"), b"hello", b"", b" ", b"world", line="POST /x"),
    passed("post-no-length", post(), b"hello", line="POST /x"),
    passed("post-no-length-in-pieces", post(), b"hello", b" world", line="POST /x"),
    passed("post-looks-chunked", post("content-length: 5"), b"0\r\n\r\n", line="POST /x"),
    passed("post-is-a-request", post(), b"GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n", line="POST /x"),
    passed("post-empty", post("content-length: 0"), line="POST /x", framings=("none", "length")),
    passed("post-empty-data", post("content-length: 0"), b"", line="POST /x", framings=("none", "length", "chunked")),
    passed("post-nothing", post(), line="POST /x", framings=("none", "length")),
    passed("get-empty-data", get(), b"", framings=("none", "length", "chunked")),
    passed("get-with-body", get(), b"hello"),
    passed("get-with-length-zero", get("content-length: 0"), framings=("none", "length")),
    passed("trailers", post(), b"hello", trailers=[("x-sum", "1"), ("x-more", "2")], line="POST /x", framings=("chunked",)),
    passed("trailers-announced", post("trailer: x-sum", "te: trailers"), b"hello", trailers=[("x-sum", "1")], line="POST /x",
           framings=("chunked",)),
]

BORDERLINE = [
    passed("trailers-with-length", post("content-length: 5"), b"hello", trailers=[("x-sum", "1")], line="POST /x",
           framings=("length", "chunked")),
    passed("host-in-other-case", get("host: APP.test"), host=("app.test", "APP.test")),
    passed("host-with-default-port", get("host: app.test:80"), host=("app.test", "app.test:80")),
    passed("authority-empty-port", get(authority="app.test:"), host=("app.test", "app.test:")),
    passed("scheme-upper", get(scheme="HTTP")),
    passed("scheme-https-in-the-clear", get(scheme="https")),
    passed("te-in-capitals", get("te: Trailers")),
    passed("http2-settings", get("http2-settings: AAMAAABkAAQAAP__")),
    passed("trailers-empty", post(), b"hello", trailers=[], line="POST /x"),
    passed("expect-continue-late", post("expect: 100-continue", "content-length: 5"), b"hello", line="POST /x"),
]

# Answered with 400.
STRICTER = {"authority-empty-port", "scheme-upper"}
