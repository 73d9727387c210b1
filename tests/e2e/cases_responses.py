"""Answers of a broken or hostile application.

REFUSED: the client must get 502 and nothing of it. BROKEN_OFF: the head was fine, so the client may have it, but
then must see the message break off. PASSED: odd but proper, and what the client must see.
"""

from dataclasses import dataclass, field

from cases_requests import CONTROLS, shown, told

WAIT = "wait"    # the application keeps the connection open: Sluice must notice by itself
CLOSE = "close"  # FIN behind the last byte
RESET = "reset"  # RST behind the last byte


@dataclass(frozen=True)
class Answer:
    name: str
    data: bytes
    then: str = WAIT
    ask: bytes = b"GET"
    fields: tuple = ()  # further request fields
    rule: str = ""      # that is broken, as Sluice calls it; none where the connection just ends

    def __str__(self):
        return self.name


def answer(name, data, then=WAIT, ask=b"GET", fields=()):
    return Answer(name, data.encode("latin-1") if isinstance(data, str) else data, then, ask, tuple(fields))


def ok(*lines, body=b"", status="HTTP/1.1 200 OK"):
    """A response with these field lines; framing is up to them."""
    parts = [status, *lines]
    return b"\r\n".join(p if isinstance(p, bytes) else p.encode("latin-1") for p in parts) + b"\r\n\r\n" + body


PROPER = ok("Content-Length: 2", body=b"ok")
EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Evil: yes\r\n\r\nevil"

STATUS_LINES = ["HTTP/1.1 20 OK", "HTTP/1.1 2 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 200OK", "HTTP/1.1  200 OK", " HTTP/1.1 200 OK",
                "HTTP/1.1\t200 OK", "HTTP/1.1200 OK", "HTTP/2 200 OK", "HTTP/2.0 200 OK", "HTTP/3 200 OK", "HTTP/0.9 200 OK",
                "ICY 200 OK", "http/1.1 200 OK", "Http/1.1 200 OK", "HTTP/1.10 200 OK", "HTTP/01.1 200 OK", "HTTP/1. 200 OK",
                "HTTP/.1 200 OK", "HTTP/1 200 OK", "HTTP 200 OK", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 OK", "HTTP/1.1 abc OK",
                "HTTP/1.1 -20 OK", "HTTP/1.1 +20 OK", "HTTP/1.1 2.0 OK", "HTTP/1.1 2 0 OK", "HTTP/1.1 0x2 OK", "HTTP/1.1 099 OK",
                "HTTP/1.1 000 OK", "HTTP/1.1 2O0 OK", "HTTP/1.1 \xb200 OK", "HTTPS/1.1 200 OK", "HTTP/1.1x 200 OK",
                "xHTTP/1.1 200 OK", "HTTP/+1.1 200 OK", "HTTP/1,1 200 OK", "200 OK", "GET / HTTP/1.1", "RTSP/1.0 200 OK",
                "HTTP/1.1 200 O\0K", "HTTP/1.1 200 O\x01K", "HTTP/1.1 200 O\x7fK", "HTTP/1.1 200 O\rK", "HTTP/1.1 200\0OK",
                "HTTP/1.1 200\rOK", "HTTP/1.1 200 OK\r", "HTTP/1.1 20\x00 OK", "\x00HTTP/1.1 200 OK", "HTTP/ 1.1 200 OK"]
status_lines = [answer(f"status-{shown(s)}", ok("Content-Length: 2", status=s, body=b"ok")) for s in STATUS_LINES]

LINES = {
    "lf-everywhere": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "lf-status-line": b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok",
    "lf-field-line": b"HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nok",
    "lf-empty-line": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok",
    "lf-in-value": ok("Content-Length: 2", "A: b\nX-Evil: c", body=b"ok"),
    "cr-in-value": ok("Content-Length: 2", "A: b\rX-Evil: c", body=b"ok"),
    "cr-after-value": ok("Content-Length: 2", "A: b\r", body=b"ok"),
    "cr-in-name": ok("Content-Length: 2", "A\rB: c", body=b"ok"),
    "cr-cr-lf-ends-head": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\r\n\r\nok",
    "cr-then-byte-ends-head": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\rX\r\n\r\nok",
    "cr-only": b"HTTP/1.1 200 OK\rContent-Length: 2\r\rok\r\n\r\n",
    "fold-space": ok("Content-Length: 2", "A: b\r\n c", body=b"ok"),
    "fold-tab": ok("Content-Length: 2", "A: b\r\n\tc", body=b"ok"),
    "fold-first": b"HTTP/1.1 200 OK\r\n A: b\r\nContent-Length: 2\r\n\r\nok",
    "fold-length": ok("Content-Length:\r\n 2", body=b"ok"),
    "fold-coding": ok("Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n"),
    "fold-blank": ok("Content-Length: 2", "A: b\r\n ", body=b"ok"),
    "no-colon": ok("Content-Length: 2", "oops", body=b"ok"),
    "no-colon-words": ok("Content-Length: 2", "oops again", body=b"ok"),
    "no-name": ok("Content-Length: 2", ": b", body=b"ok"),
    "space-before-colon": ok("Content-Length: 2", "A : b", body=b"ok"),
    "tab-before-colon": ok("Content-Length: 2", "A\t: b", body=b"ok"),
    "space-in-name": ok("Content-Length: 2", "A B: c", body=b"ok"),
    "space-before-colon-length": ok("Content-Length : 2", body=b"ok"),
    "space-before-colon-coding": ok("Transfer-Encoding : chunked", body=b"2\r\nok\r\n0\r\n\r\n"),
    "status-line-twice": ok("HTTP/1.1 200 OK", "Content-Length: 2", body=b"ok"),
    "raw-name": ok("Content-Length: 2", "A\xe9: b", body=b"ok"),
    "crlf-before": b"\r\n" + PROPER,
    "lf-before": b"\n" + PROPER,
    "space-before": b" " + PROPER,
    "bom-before": b"\xef\xbb\xbf" + PROPER,
}
lines = [answer(name, data) for name, data in LINES.items()]
lines += [answer(f"name-{shown(c)}", ok("Content-Length: 2", f"A{c}B: c", body=b"ok")) for c in '()<>@,;\\"/[]?={}']
lines += [answer(f"control-{c:02x}-value", ok("Content-Length: 2", f"A: b{chr(c)}c", body=b"ok")) for c in CONTROLS]
lines += [answer(f"control-{c:02x}-name", ok("Content-Length: 2", f"A{chr(c)}B: c", body=b"ok")) for c in CONTROLS]

LENGTHS = ["+2", "-2", "-0", "0x2", "2 2", "2;", "2.0", "", "2abc", "abc", '"2"', "2,", ",2", "2, 2", "2,2", "2, 3", "002",
           "2\x0b", "2\0", "\xa02", "18446744073709551616", "18446744073709551618", "99999999999999999999", "9" * 400,
           "2e0", "%32"]
lengths = [answer(f"length-{shown(v)}", ok(f"Content-Length: {v}", body=b"ok")) for v in LENGTHS]
lengths += [
    answer("length-twice-same", ok("Content-Length: 2", "Content-Length: 2", body=b"ok")),
    answer("length-twice-different", ok("Content-Length: 2", "Content-Length: 3", body=b"oka")),
    answer("length-twice-swapped", ok("Content-Length: 3", "content-length: 2", body=b"oka")),
    answer("length-twice-one-empty", ok("Content-Length: 2", "Content-Length:", body=b"ok")),
    answer("length-thrice", ok("Content-Length: 2", "Content-Length: 2", "Content-Length: 2", body=b"ok")),
    answer("length-twice-on-head", ok("Content-Length: 2", "Content-Length: 3"), ask=b"HEAD"),
    answer("length-junk-on-head", ok("Content-Length: abc"), ask=b"HEAD"),
    answer("length-twice-on-304", ok("Content-Length: 2", "Content-Length: 3", status="HTTP/1.1 304 Not Modified")),
]

CHUNKED_OK = b"2\r\nok\r\n0\r\n\r\n"
CODINGS = ["xchunked", "chunked, chunked", "chunked,chunked", "chunked, identity", "identity, chunked", "identity", "gzip",
           "gzip, chunked", "chunked, gzip", "chunked;a=b", '"chunked"', "chunked,", ",chunked", "\x0bchunked", "chunked\x0b",
           "\x00chunked", "\xa0chunked", "chun ked", "", ",", "chunked\x80", "cow", "chunked chunked", "deflate, chunked"]
codings = [answer(f"coding-{shown(v)}", ok(f"Transfer-Encoding: {v}", body=CHUNKED_OK)) for v in CODINGS]
codings += [
    answer("coding-lines-chunked-chunked", ok("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=CHUNKED_OK)),
    answer("coding-lines-chunked-identity", ok("Transfer-Encoding: chunked", "Transfer-Encoding: identity", body=CHUNKED_OK)),
    answer("coding-lines-identity-chunked", ok("Transfer-Encoding: identity", "Transfer-Encoding: chunked", body=CHUNKED_OK)),
    answer("coding-lines-chunked-empty", ok("Transfer-Encoding: chunked", "Transfer-Encoding:", body=CHUNKED_OK)),
    answer("coding-in-1.0", ok("Transfer-Encoding: chunked", status="HTTP/1.0 200 OK", body=CHUNKED_OK)),
    answer("both-length-first", ok("Content-Length: 2", "Transfer-Encoding: chunked", body=CHUNKED_OK)),
    answer("both-coding-first", ok("Transfer-Encoding: chunked", "Content-Length: 12", body=CHUNKED_OK)),
    answer("both-length-zero", ok("Content-Length: 0", "Transfer-Encoding: chunked", body=CHUNKED_OK)),
    answer("both-coding-identity", ok("Content-Length: 2", "Transfer-Encoding: identity", body=b"ok")),
    answer("both-on-head", ok("Content-Length: 2", "Transfer-Encoding: chunked"), ask=b"HEAD"),
    answer("204-with-length", ok("Content-Length: 2", status="HTTP/1.1 204 No Content", body=b"ok")),
    answer("204-with-coding", ok("Transfer-Encoding: chunked", status="HTTP/1.1 204 No Content", body=CHUNKED_OK)),
]

WEBSOCKET = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
HINTS = "HTTP/1.1 103 Early Hints"
interim = [
    answer("1xx-with-length", ok("Content-Length: 2", status=HINTS, body=b"ok") + PROPER),
    answer("1xx-with-length-zero-and-more", ok("Content-Length: 5", status="HTTP/1.1 100 Continue") + PROPER),
    answer("1xx-with-coding", ok("Transfer-Encoding: chunked", status=HINTS, body=CHUNKED_OK) + PROPER),
    answer("1xx-flood", ok("Link: </a.css>", status=HINTS) * 3_000 + PROPER),
    answer("1xx-flood-100", ok(status="HTTP/1.1 100 Continue") * 3_000 + PROPER),
    answer("1xx-bad-status", ok(status="HTTP/1.1 1xx Hm") + PROPER),
    answer("101-unasked", ok("Connection: Upgrade", "Upgrade: websocket", status="HTTP/1.1 101 Switching Protocols") + EVIL),
    answer("101-unasked-bare", ok(status="HTTP/1.1 101 Switching Protocols") + EVIL),
    answer("101-other-protocol", ok("Connection: Upgrade", "Upgrade: h2c", status="HTTP/1.1 101 Switching Protocols"),
           fields=WEBSOCKET),
    answer("101-without-upgrade", ok("Connection: Upgrade", status="HTTP/1.1 101 Switching Protocols"),
           fields=WEBSOCKET),
    answer("101-to-h2c", ok("Connection: Upgrade", "Upgrade: h2c", status="HTTP/1.1 101 Switching Protocols"),
           fields=("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")),
]

endings = [
    answer("garbage", b"hello there, this is no HTTP\r\n\r\n"),
    answer("garbage-closed", b"hello", CLOSE),
    answer("garbage-html", b"<html><body>It works</body></html>\n", CLOSE),
    answer("garbage-nuls", b"\0" * 100),
    answer("garbage-8-bit", bytes(range(128, 256)) * 4, CLOSE),
    answer("garbage-tls-alert", b"\x15\x03\x01\x00\x02\x02\x46", CLOSE),
    answer("garbage-ssh", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
    answer("garbage-h2-settings", b"\0\0\x12\4\0\0\0\0\0" + b"\0" * 18, CLOSE),
    answer("garbage-endless-line", b"A" * 2_000_000),
    answer("empty", b"", CLOSE),
    answer("empty-reset", b"", RESET),
    answer("only-crlf", b"\r\n\r\n", CLOSE),
    answer("cut-in-version", b"HTT", CLOSE),
    answer("cut-in-status", b"HTTP/1.1 20", CLOSE),
    answer("cut-after-status-line", b"HTTP/1.1 200 OK\r\n", CLOSE),
    answer("cut-in-name", b"HTTP/1.1 200 OK\r\nContent-Le", CLOSE),
    answer("cut-in-value", b"HTTP/1.1 200 OK\r\nContent-Length: 2", CLOSE),
    answer("cut-before-empty-line", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", CLOSE),
    answer("cut-in-empty-line", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r", CLOSE),
    answer("cut-in-head-reset", b"HTTP/1.1 200 OK\r\nContent-Le", RESET),
    answer("cut-after-1xx", ok(status="HTTP/1.1 100 Continue"), CLOSE),
    answer("cut-after-1xx-reset", ok(status="HTTP/1.1 100 Continue"), RESET),
    answer("head-too-large", ok("A: " + "b" * 1_000_000, "Content-Length: 2", body=b"ok")),
    answer("head-too-large-name", ok("A" * 1_000_000 + ": b", "Content-Length: 2", body=b"ok")),
    answer("head-too-large-reason", ok("Content-Length: 2", status="HTTP/1.1 200 " + "O" * 1_000_000, body=b"ok")),
    answer("head-too-many-fields", ok(*(f"A{i}: b" for i in range(5_000)), "Content-Length: 2", body=b"ok")),
    answer("head-endless", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200_000),
]

options = [
    answer("options-33", ok("Connection: " + ", ".join(f"x{i}" for i in range(33)), "Content-Length: 2", body=b"ok")),
    answer("options-33-lines", ok(*(f"Connection: x{i}" for i in range(33)), "Content-Length: 2", body=b"ok")),
    answer("options-commas", ok("Connection: " + "," * 60_000, "Content-Length: 2", body=b"ok")),
    answer("options-interim", ok("Connection: " + ",a" * 40, status="HTTP/1.1 103 Early Hints") + PROPER),
]

# Which rule each of them breaks.
status_lines = told("status-line", status_lines,
                    not_http="status-_HTTP/1.1_200_OK status-ICY_200_OK status-http/1.1_200_OK status-Http/1.1_200_OK "
                             "status-HTTP_200_OK status-HTTPS/1.1_200_OK status-xHTTP/1.1_200_OK status-200_OK status-GET_/_HTTP/1.1 "
                             "status-RTSP/1.0_200_OK status-x00HTTP/1.1_200_OK",
                    bad_version="status-HTTP/2_200_OK status-HTTP/2.0_200_OK status-HTTP/3_200_OK status-HTTP/0.9_200_OK "
                                "status-HTTP/01.1_200_OK status-HTTP/1._200_OK status-HTTP/.1_200_OK status-HTTP/1_200_OK "
                                "status-HTTP/+1.1_200_OK status-HTTP/1,1_200_OK status-HTTP/_1.1_200_OK",
                    bare_cr="status-HTTP/1.1_200_OKx0d")
lines = told("field-name", lines,
             field_value="control-00-value control-01-value control-07-value control-08-value control-0b-value control-0c-value "
                         "control-0e-value control-1b-value control-1f-value control-7f-value",
             bare_lf="lf-everywhere lf-status-line lf-field-line lf-empty-line lf-in-value",
             obs_fold="fold-space fold-tab fold-first fold-length fold-coding fold-blank",
             bare_cr="cr-in-value cr-after-value cr-in-name cr-cr-lf-ends-head cr-then-byte-ends-head",
             space_before_colon="space-before-colon tab-before-colon space-before-colon-length space-before-colon-coding",
             not_http="crlf-before space-before bom-before lf-before",
             missing_colon="no-colon no-colon-words",
             status_line="cr-only")
lengths = told("bad-length", lengths,
               two_lengths="length-2, length-,2 length-2,_2 length-2,2 length-2,_3 length-twice-same length-twice-different "
                           "length-twice-swapped length-twice-one-empty length-thrice length-twice-on-head length-twice-on-304",
               field_value="length-2x0b length-2x00")
codings = told("bad-coding", codings,
               length_and_coding="both-length-first both-coding-first both-length-zero both-coding-identity both-on-head",
               field_value="coding-x0bchunked coding-chunkedx0b coding-x00chunked",
               bodiless_length="204-with-length 204-with-coding",
               old_coding="coding-in-1.0")
interim = told("unasked-upgrade", interim,
               bodiless_length="1xx-with-length 1xx-with-length-zero-and-more 1xx-with-coding",
               interim_flood="1xx-flood 1xx-flood-100",
               status_line="1xx-bad-status")
endings = told("", endings,
               not_http="garbage garbage-closed garbage-nuls garbage-8-bit garbage-tls-alert garbage-ssh garbage-h2-settings "
                        "garbage-endless-line only-crlf garbage-html",
               head_size="head-too-large head-too-large-name head-too-large-reason head-endless",
               field_count="head-too-many-fields")
options = told("connection-options", options)

REFUSED = status_lines + lines + lengths + codings + interim + endings + options

C = "Transfer-Encoding: chunked"
GOOD = b"5\r\nhello\r\n"
BROKEN_OFF = [
    answer("first-chunk-junk", ok(C, body=b"zz\r\nhello\r\n0\r\n\r\n")),
    answer("first-chunk-0x", ok(C, body=b"0x5\r\nhello\r\n0\r\n\r\n")),
    answer("first-chunk-empty", ok(C, body=b"\r\nhello\r\n0\r\n\r\n")),
    answer("first-chunk-space", ok(C, body=b" 5\r\nhello\r\n0\r\n\r\n")),
    answer("first-chunk-bare-lf", ok(C, body=b"5\nhello\r\n0\r\n\r\n")),
    answer("first-chunk-overflow", ok(C, body=b"10000000000000005\r\nhello\r\n0\r\n\r\n")),
    answer("first-chunk-extension-lf", ok(C, body=b"5;a\nb\r\nhello\r\n0\r\n\r\n")),
    answer("chunk-junk", ok(C, body=GOOD + b"zz\r\n\r\n")),
    answer("chunk-minus", ok(C, body=GOOD + b"-5\r\nhello\r\n0\r\n\r\n")),
    answer("chunk-plus", ok(C, body=GOOD + b"+5\r\nhello\r\n0\r\n\r\n")),
    answer("chunk-overflow", ok(C, body=GOOD + b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n")),
    answer("chunk-all-ones", ok(C, body=GOOD + b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n")),
    answer("chunk-trailing-space", ok(C, body=GOOD + b"5 \r\nhello\r\n0\r\n\r\n")),
    answer("chunk-bare-lf", ok(C, body=GOOD + b"5\nhello\r\n0\r\n\r\n")),
    answer("chunk-bare-cr", ok(C, body=GOOD + b"5\rhello\r\n0\r\n\r\n")),
    answer("chunk-nul", ok(C, body=GOOD + b"5\0\r\nhello\r\n0\r\n\r\n")),
    answer("chunk-data-too-long", ok(C, body=b"5\r\nhello!\r\n0\r\n\r\n")),
    answer("chunk-data-too-short", ok(C, body=b"5\r\nhell\r\n0\r\n\r\n")),
    answer("chunk-data-bare-lf", ok(C, body=b"5\r\nhello\n0\r\n\r\n")),
    answer("chunk-data-no-crlf", ok(C, body=b"5\r\nhello0\r\n\r\n")),
    answer("chunk-huge-extension", ok(C, body=GOOD + b"5;a=" + b"b" * 300_000 + b"\r\nhello\r\n0\r\n\r\n")),
    answer("chunk-last-bare-lf", ok(C, body=GOOD + b"0\n\n")),
    answer("trailer-no-colon", ok(C, body=GOOD + b"0\r\noops\r\n\r\n")),
    answer("trailer-fold", ok(C, body=GOOD + b"0\r\nA: b\r\n c\r\n\r\n")),
    answer("trailer-nul", ok(C, body=GOOD + b"0\r\nA: \0\r\n\r\n")),
    answer("trailer-bare-lf", ok(C, body=GOOD + b"0\r\nA: b\n\r\n")),
    answer("trailer-length", ok(C, body=GOOD + b"0\r\nContent-Length: 5\r\n\r\n")),
    answer("trailer-coding", ok(C, body=GOOD + b"0\r\nTransfer-Encoding: chunked\r\n\r\n")),
    answer("trailer-too-large", ok(C, body=GOOD + b"0\r\nA: " + b"b" * 300_000 + b"\r\n\r\n")),
    answer("end-before-chunk", ok(C), CLOSE),
    answer("end-in-chunk-size", ok(C, body=b"5"), CLOSE),
    answer("end-in-chunk", ok(C, body=b"5\r\nhel"), CLOSE),
    answer("end-after-chunk-data", ok(C, body=b"5\r\nhello"), CLOSE),
    answer("end-after-chunk", ok(C, body=GOOD), CLOSE),
    answer("end-in-last-chunk", ok(C, body=GOOD + b"0\r\n"), CLOSE),
    answer("end-in-trailers", ok(C, body=GOOD + b"0\r\nA: b\r\n"), CLOSE),
    answer("reset-after-chunk", ok(C, body=GOOD), RESET),
    answer("reset-in-chunk", ok(C, body=b"5\r\nhel"), RESET),
    answer("end-before-length", ok("Content-Length: 10"), CLOSE),
    answer("end-inside-length", ok("Content-Length: 10", body=b"hello"), CLOSE),
    answer("end-one-byte-short", ok("Content-Length: 6", body=b"hello"), CLOSE),
    answer("reset-before-length", ok("Content-Length: 10"), RESET),
    answer("reset-inside-length", ok("Content-Length: 10", body=b"hello"), RESET),
    answer("reset-inside-close-delimited", ok("Connection: close", body=b"hello"), RESET),
    answer("end-inside-large-length", ok("Content-Length: 1000000", body=b"x" * 500_000), CLOSE),
    answer("reset-inside-large-chunk", ok(C, body=b"f4240\r\n" + b"x" * 500_000), RESET),
]
BROKEN_OFF = told("", BROKEN_OFF,
                  bad_chunk_size="first-chunk-junk first-chunk-0x first-chunk-empty first-chunk-space first-chunk-overflow chunk-junk "
                                 "chunk-minus chunk-plus chunk-overflow chunk-all-ones chunk-trailing-space chunk-nul",
                  body_cut="end-before-chunk end-in-chunk-size end-in-chunk end-after-chunk-data end-after-chunk end-in-last-chunk "
                           "end-in-trailers end-before-length end-inside-length end-one-byte-short end-inside-large-length",
                  bare_lf="first-chunk-bare-lf first-chunk-extension-lf chunk-bare-lf chunk-last-bare-lf trailer-bare-lf",
                  chunk_end="chunk-data-too-long chunk-data-too-short chunk-data-bare-lf chunk-data-no-crlf",
                  trailer_field="trailer-length trailer-coding",
                  bare_cr="chunk-bare-cr",
                  chunk_line="chunk-huge-extension",
                  missing_colon="trailer-no-colon",
                  obs_fold="trailer-fold",
                  field_value="trailer-nul",
                  trailer_size="trailer-too-large")


@dataclass(frozen=True)
class Passed(Answer):
    status: int = 200
    body: bytes = b"ok"
    shows: dict = field(default_factory=dict)   # fields the client sees (None: does not see)
    trailers: tuple = ()

    def __str__(self):
        return self.name


def passed(name, data, status=200, body=b"ok", shows=None, trailers=(), then=WAIT, ask=b"GET"):
    return Passed(name, data, then, ask, (), "", status, body, shows or {}, tuple(trailers))


PASSED = [
    passed("plain", PROPER),
    passed("no-reason", ok("Content-Length: 2", status="HTTP/1.1 200 ", body=b"ok")),
    passed("odd-reason", ok("Content-Length: 2", status="HTTP/1.1 200 Sch\xf6n \t(ok)", body=b"ok")),
    passed("odd-status", ok("Content-Length: 2", status="HTTP/1.1 299 Hm", body=b"ok"), status=299),
    passed("odd-error", ok("Content-Length: 2", status="HTTP/1.1 599 Hm", body=b"ok"), status=599),
    passed("version-1.0", ok("Content-Length: 2", status="HTTP/1.0 200 OK", body=b"ok")),
    passed("version-1.0-until-close", ok(status="HTTP/1.0 200 OK", body=b"ok"), then=CLOSE),
    passed("until-close", ok("Connection: close", body=b"ok"), then=CLOSE, shows={"Connection": None}),
    passed("until-close-unsaid", ok(body=b"ok"), then=CLOSE),
    passed("until-close-empty", ok(), then=CLOSE, body=b""),
    passed("chunked", ok(C, body=b"2\r\nok\r\n0\r\n\r\n")),
    passed("chunked-case", ok("transfer-encoding: Chunked", body=b"2\r\nok\r\n0\r\n\r\n")),
    passed("chunked-extension", ok(C, body=b'1;a=b\r\no\r\n1;c="d"\r\nk\r\n0;e\r\n\r\n')),
    passed("chunked-trailers", ok(C, "Trailer: X-Sum", body=b"2\r\nok\r\n0\r\nX-Sum: abc\r\n\r\n"), trailers=[("X-Sum", "abc")]),
    passed("length-zero", ok("Content-Length: 0"), body=b""),
    passed("no-space", ok("Content-Length:2", body=b"ok")),
    passed("obs-text", ok("Content-Length: 2", "A: caf\xe9", body=b"ok"), shows={"A": "caf\xe9"}),
    passed("empty-value", ok("Content-Length: 2", "A:", body=b"ok"), shows={"A": ""}),
    passed("large-field", ok("Content-Length: 2", "A: " + "b" * 8000, body=b"ok"), shows={"A": "b" * 8000}),
    passed("hop-by-hop", ok("Content-Length: 2", "Connection: keep-alive, X-Hop", "X-Hop: 1", "Keep-Alive: timeout=5",
                            "Proxy-Connection: x", "X-End: 2", body=b"ok"),
           shows={"X-Hop": None, "Keep-Alive": None, "Proxy-Connection": None, "X-End": "2"}),
    passed("upgrade-offered", ok("Content-Length: 2", "Upgrade: h2c, websocket", "Connection: Upgrade", body=b"ok"),
           shows={"Upgrade": None}),
    passed("204", ok(status="HTTP/1.1 204 No Content"), status=204, body=b"", shows={"Content-Length": None}),
    passed("204-length-zero", ok("Content-Length: 0", status="HTTP/1.1 204 No Content"), status=204, body=b"",
           shows={"Content-Length": None}),
    passed("304-length", ok("Content-Length: 1000", 'ETag: "a"', status="HTTP/1.1 304 Not Modified"), status=304, body=b"",
           shows={"ETag": '"a"'}),
    passed("head-length", ok("Content-Length: 1000"), ask=b"HEAD", body=b"", shows={"Content-Length": "1000"}),
    passed("head-chunked", ok(C), ask=b"HEAD", body=b""),
    passed("head-bare", ok(), ask=b"HEAD", body=b""),
    passed("reset-content", ok("Content-Length: 0", status="HTTP/1.1 205 Reset Content"), status=205, body=b""),
    passed("continue-unasked", ok(status="HTTP/1.1 100 Continue") + PROPER),
    passed("early-hints", ok("Link: </a.css>", status=HINTS) + PROPER),
    passed("cookies", ok("Content-Length: 2", "Set-Cookie: a=1", body=b"ok"), shows={"Set-Cookie": "a=1"}),
]
