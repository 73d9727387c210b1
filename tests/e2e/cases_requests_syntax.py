"""Requests that are no HTTP, at the level of lines and bytes."""

from cases_requests import CONTROLS, case, get, post, shown, told

LINES = {
    # One line ends in a bare LF, the others properly.
    "lf-request-line": b"GET /x HTTP/1.1\nHost: app.test\r\n\r\n",
    "lf-host-line": b"GET /x HTTP/1.1\r\nHost: app.test\n\r\n",
    "lf-last-field": b"GET /x HTTP/1.1\r\nHost: app.test\r\nA: b\n\r\n",
    "lf-empty-line": b"GET /x HTTP/1.1\r\nHost: app.test\r\n\n",
    "lf-everywhere": b"GET /x HTTP/1.1\nHost: app.test\n\n",
    "lf-between-fields": b"GET /x HTTP/1.1\r\nA: b\nHost: app.test\r\n\r\n",
    "lf-before-request": b"\nGET /x HTTP/1.1\r\nHost: app.test\r\n\r\n",
    "lf-then-crlf-before-request": b"\n\r\n" + get(),
    "crlf-then-lf-before-request": b"\r\n\n" + get(),
    "crlf-then-cr-before-request": b"\r\n\r" + get(),
    "cr-cr-lf-before-request": b"\r\r\n" + get(),
    "crlf-then-space-before-request": b"\r\n " + get(),
    "crlf-five-before-request": b"\r\n" * 5 + get(),
    "crlf-many-before-request": b"\r\n" * 5000 + get(),
    "lf-in-value": get("A: b\nc"),
    "lf-in-value-makes-field": get("A: b\nX-Evil: c"),
    "lf-in-value-ends-head": get("A: b\n\nGET /smuggled HTTP/1.1"),
    "lf-in-target": get(target="/x\n"),
    "lf-in-name": get("A\nB: c"),
    "lf-cr": b"GET /x HTTP/1.1\n\rHost: app.test\n\r\n\r",
    # A CR that is not part of CRLF.
    "cr-in-value": get("A: b\rc"),
    "cr-in-value-makes-field": get("A: b\rX-Evil: c"),
    "cr-before-value": get("A:\rb"),
    "cr-after-value": get("A: b\r"),
    "cr-in-name": get("A\rB: c"),
    "cr-before-name": get("\rA: b"),
    "cr-before-colon": get("A\r: b"),
    "cr-in-target": get(target="/x\ry"),
    "cr-after-version": get(version="HTTP/1.1\r"),
    "cr-before-version": b"GET /x\rHTTP/1.1\r\nHost: app.test\r\n\r\n",
    "cr-everywhere": b"GET /x HTTP/1.1\rHost: app.test\r\r" + b"\r\n\r\n",
    "cr-cr-lf-ends-head": b"GET /x HTTP/1.1\r\nHost: app.test\r\n\r\r\n\r\n",
    "cr-then-byte-ends-head": b"GET /x HTTP/1.1\r\nHost: app.test\r\n\rX\r\n\r\n",
    "cr-before-request": b"\rGET /x HTTP/1.1\r\nHost: app.test\r\n\r\n",
    "cr-in-host": get(host="app\r.test"),
    # Folded lines.
    "fold-space": get("A: b\r\n c"),
    "fold-tab": get("A: b\r\n\tc"),
    "fold-first-line": b"GET /x HTTP/1.1\r\n Host: app.test\r\n\r\n",
    "fold-first-line-tab": b"GET /x HTTP/1.1\r\n\tA: b\r\nHost: app.test\r\n\r\n",
    "fold-first-then-good": b"GET /x HTTP/1.1\r\n A: b\r\nHost: app.test\r\n\r\n",
    "fold-blank": get("A: b\r\n "),
    "fold-blank-then-field": get("A: b\r\n \r\nC: d"),
    "fold-empty-value": get("A:\r\n b"),
    "fold-host": get(host="app\r\n .test"),
    "fold-host-value": b"GET /x HTTP/1.1\r\nHost:\r\n app.test\r\n\r\n",
    "fold-makes-length": post("A: b\r\n Content-Length: 5"),
    "fold-in-request-line": b"GET /x\r\n HTTP/1.1\r\nHost: app.test\r\n\r\n",
    "fold-last": b"GET /x HTTP/1.1\r\nHost: app.test\r\n \r\n\r\n",
    # Space around names.
    "space-before-colon": get("A : b"),
    "tab-before-colon": get("A\t: b"),
    "spaces-before-colon": get("A   : b"),
    "space-before-colon-host": b"GET /x HTTP/1.1\r\nHost : app.test\r\n\r\n",
    "space-in-name": get("A B: c"),
    "name-empty": get(": b"),
    "name-empty-no-value": get(":"),
    "name-is-space": get(" : b"),
    "no-colon": get("A"),
    "no-colon-with-value": get("A b"),
    "no-colon-equals": get("A=b"),
    "request-line-twice": get("GET /smuggled HTTP/1.1"),
    "status-line-as-field": get("HTTP/1.1 200 OK"),
    # Not HTTP at all.
    "garbage": b"\x80\x81\x82\x83\r\n\r\n",
    "garbage-line": b"hello\r\n\r\n",
    "garbage-nuls": b"\0" * 64 + b"\r\n\r\n",
    "tls-client-hello": b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "smtp": b"EHLO app.test\r\n\r\n",
    "response": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "proxy-protocol-v1": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET /x HTTP/1.1\r\nHost: app.test\r\n\r\n",
    "proxy-protocol-v2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" + b"\x01" * 12 + get(),
}
lines = [case(name, request) for name, request in LINES.items()]
lines.append(case("h2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505))
lines.append(case("h2-preface-and-settings", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 505))

# A control byte at each place of a request.
PLACES = {
    "before-method": ("not-http", lambda c: get(method=f"{c}GET")),
    "in-method": ("bad-method", lambda c: get(method=f"GE{c}T")),
    "after-method": ("bad-method", lambda c: get(method=f"GET{c}")),
    "in-path": ("path-byte", lambda c: get(target=f"/x{c}y")),
    "in-query": ("query-byte", lambda c: get(target=f"/x?a={c}")),
    "in-version": ("bad-version", lambda c: get(version=f"HTTP/1.1{c}")),
    "in-name": ("field-name", lambda c: get(f"A{c}B: c")),
    "before-colon": ("field-name", lambda c: get(f"A{c}: b")),
    "before-value": ("field-value", lambda c: get(f"A:{c}b")),
    "in-value": ("field-value", lambda c: get(f"A: b{c}c")),
    "after-value": ("field-value", lambda c: get(f"A: b{c}")),
    "in-host": ("field-value", lambda c: get(host=f"app{c}.test")),
    "after-host": ("field-value", lambda c: get(host=f"app.test{c}")),
}
controls = [case(f"control-{code:02x}-{place}", make(chr(code)), rule=rule) for place, (rule, make) in PLACES.items()
            for code in CONTROLS]

names = [case(f"name-{shown(c)}", get(f"A{c}B: c")) for c in '()<>@,;\\"/[]?={}\xe9\x80\xff']
names += [case(f"name-only-{shown(c)}", get(f"{c}: d")) for c in '()<>@,;"/[]?={}\xff']

# Methods: a token of reasonable length; CONNECT and TRACE are not for us.
methods = [case(f"method-{shown(m)}", get(method=m)) for m in
           ["", "G ET", "G(ET", "GE,T", '"GET"', "GET;", "GET:", "G@T", "G\xc9T", "GET/", "[GET]", "{GET}", "=GET", "\\GET"]]
methods += [
    case("method-lower-case", get(method="get")),
    case("method-mixed-case", get(method="Get")),
    case("method-post-lower-case", b"post /x HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\n\r\nhello"),
    case("method-endless", get(method="A" * 5_000)),
    case("method-endless-no-space", b"A" * 100_000),
    case("method-connect", b"CONNECT app.test:443 HTTP/1.1\r\nHost: app.test:443\r\n\r\n", 405, closes=False),
    case("method-connect-no-port", b"CONNECT app.test HTTP/1.1\r\nHost: app.test\r\n\r\n", 405, closes=False),
    case("method-connect-path", get(method="CONNECT"), 405, closes=False),
    case("method-connect-body", b"CONNECT app.test:443 HTTP/1.1\r\nHost: app.test:443\r\nContent-Length: 5\r\n\r\nhello",
         405, closes=False),
    case("method-trace", get(method="TRACE"), 405, closes=False),
    case("method-trace-forwards", get("Max-Forwards: 0", method="TRACE"), 405, closes=False),
]

VERSIONS_BAD = ["HTTP/1.10", "HTTP/1.01", "HTTP/01.1", "http/1.1", "Http/1.1", "HTTP/1.1x", "xHTTP/1.1", "HTTP/1.", "HTTP/1", "HTTP/2",
                "HTTP/3", "HTTP/.1", "HTTP/1,1", "HTTP/", "HTTP", "HTTP /1.1", "HTTP/ 1.1", "HTTP/1 .1", "HTTP/1.1\t", "\tHTTP/1.1",
                "HTTP/1.1 ", " HTTP/1.1", "HTTP/-1.1", "HTTP/+1.1", "HTTP/1.-1", "HTTP/1.1.1", "HTTP/1.1HTTP/1.1", "HTTPS/1.1",
                "ICY/1.1", "RTSP/1.0", "HTTP\\1.1", "HTTP/1.1,", "HTTP/one", "HTTP/1.1 HTTP/1.1", "HTTP/1.x", "HTTP/11",
                "HTTP/\xb9.1", "HTTP/1.1#", "HTTP/0x1.1", "HTTP//1.1", "1.1", ""]
VERSIONS_OTHER = ["HTTP/2.0", "HTTP/0.9", "HTTP/3.0", "HTTP/9.9", "HTTP/0.0"]
# What another version is called, and what is none.
versions = [case(f"version-{shown(v)}", get(version=v), 505) for v in VERSIONS_OTHER]
versions += [case(f"version-{shown(v)}", get(version=v)) for v in VERSIONS_BAD]
versions += [
    case("version-missing", b"GET /x\r\nHost: app.test\r\n\r\n"),
    case("version-missing-0.9", b"GET /x\r\n\r\n"),
    case("version-missing-0.9-slash", b"GET /\r\n\r\n"),
    case("request-line-only-method", b"GET\r\nHost: app.test\r\n\r\n"),
    case("request-line-method-space", b"GET \r\nHost: app.test\r\n\r\n"),
    case("request-line-no-target", b"GET  HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    case("request-line-target-left-out", b"GET HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    case("request-line-two-spaces-before", b"GET  /x HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    case("request-line-two-spaces-after", b"GET /x  HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    case("request-line-tabs", b"GET\t/x\tHTTP/1.1\r\nHost: app.test\r\n\r\n"),
    case("request-line-tab-before-version", b"GET /x\tHTTP/1.1\r\nHost: app.test\r\n\r\n"),
    case("request-line-leading-space", b" GET /x HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    case("request-line-leading-tab", b"\tGET /x HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    case("request-line-four-words", b"GET /x y HTTP/1.1\r\nHost: app.test\r\n\r\n"),
    case("request-line-nbsp", b"GET\xa0/x\xa0HTTP/1.1\r\nHost: app.test\r\n\r\n"),
]

sizes = [
    case("size-target", get(target="/" + "x" * 40_000), 414),
    case("size-target-huge", get(target="/" + "x" * 1_000_000), 414),
    case("size-target-endless", b"GET /" + b"x" * 200_000, 414),
    case("size-query", get(target="/?" + "x" * 40_000), 414),
    case("size-field", get("A: " + "b" * 40_000), 431),
    case("size-field-huge", get("A: " + "b" * 1_000_000), 431),
    case("size-field-endless", get()[:-2] + b"A: " + b"b" * 200_000, 431),
    case("size-name", get("A" * 40_000 + ": b"), 431),
    case("size-name-endless", get()[:-2] + b"A" * 200_000, 431),
    case("size-host", get(host="a" * 40_000), 431),
    case("size-fields-together", get(*(f"A{i}: " + "b" * 1000 for i in range(40))), 431),
    case("size-fields-101", get(*(f"A{i}: b" for i in range(100))), 431),
    case("size-fields-1000", get(*(f"A{i}: b" for i in range(1000))), 431),
    case("size-fields-same-name", get(*("A: b" for i in range(1000))), 431),
    case("size-fields-empty-values", get(*("A:" for i in range(9000))), 431),
    case("size-cookies", get(*("Cookie: a=b" for i in range(500))), 431),
]

expectations = [
    case("expect-unknown", post("Content-Length: 5", "Expect: 200-ok"), 417, closes=False),
    case("expect-unknown-no-body", get("Expect: the-spanish-inquisition"), 417, closes=False),
    case("expect-two", post("Content-Length: 5", "Expect: 100-continue, x"), 417, closes=False),
    case("expect-two-lines", post("Content-Length: 5", "Expect: 100-continue", "Expect: x"), 417, closes=False),
    case("expect-near", post("Content-Length: 5", "Expect: 100-continued"), 417, closes=False),
    case("expect-parameter", post("Content-Length: 5", "Expect: 100-continue;a=b"), 417, closes=False),
]

# More options than anybody means: each of them costs, and so does each comma.
options = [
    case("options-33", get("Connection: " + ", ".join(f"x{i}" for i in range(33)))),
    case("options-33-lines", get(*(f"Connection: x{i}" for i in range(33)))),
    case("options-33-same", get("Connection: " + ",".join(33 * ["close"]))),
    case("options-many", get(*(f"X-Field-{i}: 1" for i in range(90)), "Connection: " + ",a" * 15_000)),
    case("options-commas", get("Connection: " + "," * 30_000)),
    case("options-commas-first", get("Connection: " + "," * 33 + "close")),
    case("options-1.0", get("Connection: " + ",a" * 40, version="HTTP/1.0")),
]

# Which rule each of them breaks.
lines = told("bare-lf", lines,
             obs_fold="fold-space fold-tab fold-first-line fold-first-line-tab fold-first-then-good fold-blank "
                      "fold-blank-then-field fold-empty-value fold-host fold-host-value fold-makes-length fold-last "
                      "name-is-space",
             bare_cr="cr-in-value cr-in-value-makes-field cr-before-value cr-after-value cr-in-name cr-before-name "
                     "cr-before-colon cr-after-version cr-everywhere cr-cr-lf-ends-head cr-then-byte-ends-head cr-in-host",
             request_line="cr-in-target cr-before-version fold-in-request-line smtp proxy-protocol-v1",
             not_http="lf-before-request cr-before-request lf-then-crlf-before-request crlf-then-lf-before-request "
                      "crlf-then-cr-before-request cr-cr-lf-before-request crlf-then-space-before-request "
                      "crlf-five-before-request crlf-many-before-request garbage garbage-nuls tls-client-hello "
                      "proxy-protocol-v2",
             field_name="space-in-name name-empty name-empty-no-value no-colon-equals status-line-as-field",
             space_before_colon="space-before-colon tab-before-colon spaces-before-colon space-before-colon-host",
             missing_colon="no-colon no-colon-with-value request-line-twice",
             bad_method="garbage-line ssh response",
             other_version="h2-preface h2-preface-and-settings")
names = told("field-name", names)
methods = told("bad-method", methods,
               method_denied="method-connect method-connect-no-port method-connect-path method-connect-body method-trace "
                             "method-trace-forwards",
               not_http="method-",
               request_line="method-G_ET")
versions = told("bad-version", versions,
                request_line="version-HTTP_/1.1 version-HTTP/_1.1 version-HTTP/1_.1 version-HTTP/1.1_ version-_HTTP/1.1 "
                             "version-HTTP/1.1_HTTP/1.1 version- version-missing version-missing-0.9 version-missing-0.9-slash "
                             "request-line-only-method request-line-method-space request-line-no-target request-line-target-left-out "
                             "request-line-two-spaces-before request-line-two-spaces-after request-line-tabs "
                             "request-line-tab-before-version request-line-four-words",
                other_version="version-HTTP/2.0 version-HTTP/0.9 version-HTTP/3.0 version-HTTP/9.9 version-HTTP/0.0",
                not_http="request-line-leading-space request-line-leading-tab",
                bad_method="request-line-nbsp")
sizes = told("head-size", sizes,
             target_size="size-target size-target-huge size-target-endless size-query",
             field_count="size-fields-101 size-fields-1000 size-fields-same-name size-cookies")
expectations = told("bad-expectation", expectations)
options = told("connection-options", options)

CASES = lines + controls + names + methods + versions + sizes + expectations + options
