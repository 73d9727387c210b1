"""Requests whose end two parsers could see in different places."""

from cases_requests import BROKEN, case, get, post, shown, told
from wire import chunks

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n"
CHUNKED = b"0\r\n\r\n"

# Content-Length: the value is wrong, whatever follows.
LENGTHS = ["+5", "-5", "-0", "0x5", "5 5", "5;", "5.0", "5e0", "5_0", "", "5abc", "abc", '"5"', "'5'", "5,", ",5", "5, 5",
           "5,5", "5, 6", "5;q=1", "005", "00", "0,5", "infinity", "５".encode().decode("latin-1"), "5\x0b", "\x0c5", "5\x00",
           "\xa05", "5\x80", "18446744073709551616", "18446744073709551621", "99999999999999999999",
           "36893488147419103237", "-18446744073709551611", "9" * 400, "0x0", "%35", "5\x7f"]

lengths = [case(f"length-{shown(v)}", post(f"Content-Length: {v}"), 400,
                *((413,) if v.isascii() and v.isdigit() and int(v) > 2**63 else ())) for v in LENGTHS]

# Transfer-Encoding: anything but the one word `chunked`.
CODINGS = ["xchunked", "chunkedx", "chunked, chunked", "chunked,chunked", "chunked, identity", "identity, chunked", "identity",
           "chunked, gzip", "chunked;q=1", "chunked;a=b", "chunked; ", '"chunked"', "'chunked'", "chunked,", ",chunked",
           ", chunked", "chunked,,", "\x0bchunked", "chunked\x0b", "\x0cchunked", "\x00chunked", "chunked\x00", "\xa0chunked",
           "chunked\xa0", "\x85chunked", "chun ked", "c\thunked", "", ",", ";", "chunked trailers", "chunked chunked",
           "chunked\x80", "\x1fchunked", "ｃhunked".encode().decode("latin-1"), "cow", "chunk", "chunked=1", "chunked:", "none",
           "trailers", "\u017f".encode().decode("latin-1") + "chunked", "chunked/1.0", "(chunked)", "chunked-", "5",
           "\x7fchunked", "chunKed, Chunked"]

codings = [case(f"coding-{shown(v)}", post(f"Transfer-Encoding: {v}", body=CHUNKED)) for v in CODINGS]
codings += [
    # Codings that exist, but that Sluice does not decode: RFC 9112 §6.1 wants 501.
    case("coding-gzip", post("Transfer-Encoding: gzip")),
    case("coding-gzip-chunked", post("Transfer-Encoding: gzip, chunked", body=CHUNKED)),
    case("coding-deflate-chunked", post("Transfer-Encoding: deflate, chunked", body=CHUNKED)),
    case("coding-compress", post("Transfer-Encoding: compress", body=CHUNKED)),
    case("coding-lines-chunked-chunked", post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=CHUNKED)),
    case("coding-lines-chunked-identity", post("Transfer-Encoding: chunked", "Transfer-Encoding: identity", body=CHUNKED)),
    case("coding-lines-identity-chunked", post("Transfer-Encoding: identity", "Transfer-Encoding: chunked", body=CHUNKED)),
    case("coding-lines-chunked-empty", post("Transfer-Encoding: chunked", "Transfer-Encoding:", body=CHUNKED)),
    case("coding-lines-empty-chunked", post("Transfer-Encoding:", "Transfer-Encoding: chunked", body=CHUNKED)),
    case("coding-lines-gzip-chunked", post("Transfer-Encoding: gzip", "transfer-encoding: chunked", body=CHUNKED)),
    case("coding-lines-cow-chunked", post("Transfer-Encoding: cow", "Transfer-Encoding: chunked", body=CHUNKED)),
    case("coding-apart", post("Transfer-Encoding: chunked", "X: y", "TRANSFER-ENCODING: chunked", body=CHUNKED)),
    case("coding-in-1.0", post("Transfer-Encoding: chunked", version="HTTP/1.0", body=CHUNKED)),
    case("coding-in-1.0-keep-alive",
         post("Transfer-Encoding: chunked", "Connection: keep-alive", version="HTTP/1.0", body=CHUNKED)),
    case("coding-in-1.0-and-length", post("Transfer-Encoding: chunked", "Content-Length: 5", version="HTTP/1.0", body=CHUNKED)),
    case("coding-space-before-colon", post("Transfer-Encoding : chunked", body=CHUNKED)),
    case("coding-tab-before-colon", post("Transfer-Encoding\t: chunked", body=CHUNKED)),
    case("coding-nul-before-colon", post("Transfer-Encoding\0: chunked", body=CHUNKED)),
    case("coding-nul-in-name", post("Transfer\0-Encoding: chunked", body=CHUNKED)),
    case("coding-leading-space", post(" Transfer-Encoding: chunked", body=CHUNKED)),
    case("coding-folded-before", post("Transfer-Encoding:\r\n chunked", body=CHUNKED)),
    case("coding-folded-after", post("Transfer-Encoding: chunked\r\n , identity", body=CHUNKED)),
    case("coding-folded-tab", post("Transfer-Encoding:\r\n\tchunked", body=CHUNKED)),
    case("coding-bare-lf-after", b"POST /x HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\n\r\n0\r\n\r\n"),
    case("coding-bare-cr-after", b"POST /x HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\r\n\r\n0\r\n\r\n"),
    case("coding-hidden-behind-lf", post("X: y\nTransfer-Encoding: chunked", body=CHUNKED)),
    case("coding-hidden-behind-cr", post("X: y\rTransfer-Encoding: chunked", body=CHUNKED)),
    case("coding-hidden-behind-nul", post("X: y\0Transfer-Encoding: chunked", body=CHUNKED)),
    case("coding-no-space-line", post("Transfer-Encoding chunked", body=CHUNKED)),
]

both = [
    case("both-length-first", post("Content-Length: 5", "Transfer-Encoding: chunked", body=CHUNKED)),
    case("both-coding-first", post("Transfer-Encoding: chunked", "Content-Length: 5", body=CHUNKED)),
    case("both-length-zero", post("Content-Length: 0", "Transfer-Encoding: chunked", body=CHUNKED + SMUGGLED)),
    case("both-agree", post("Content-Length: 15", "Transfer-Encoding: chunked", body=chunks(b"hello"))),
    case("both-on-get", get("Content-Length: 5", "Transfer-Encoding: chunked") + CHUNKED + SMUGGLED),
    case("both-coding-identity", post("Content-Length: 5", "Transfer-Encoding: identity")),
    case("both-coding-empty", post("Content-Length: 5", "Transfer-Encoding:")),
    case("both-coding-xchunked", post("Content-Length: 5", "Transfer-Encoding: xchunked")),
    case("both-coding-upper-case", post("content-length: 5", "TRANSFER-ENCODING: CHUNKED", body=CHUNKED)),
    case("both-three-lines", post("Content-Length: 5", "Transfer-Encoding: chunked", "Content-Length: 5", body=CHUNKED)),
    case("length-twice-same", post("Content-Length: 5", "Content-Length: 5")),
    case("length-twice-different", post("Content-Length: 5", "Content-Length: 0")),
    case("length-twice-different-swapped", post("Content-Length: 0", "Content-Length: 5", body=b"hello")),
    case("length-twice-cases", post("Content-Length: 5", "content-length: 6")),
    case("length-twice-one-empty", post("Content-Length: 5", "Content-Length:")),
    case("length-thrice", post("Content-Length: 5", "Content-Length: 5", "Content-Length: 5")),
    case("length-twice-on-get", get("Content-Length: 0", "Content-Length: 43") + SMUGGLED),
    case("length-space-before-colon", post("Content-Length : 5")),
    case("length-tab-before-colon", post("Content-Length\t: 5")),
    case("length-leading-space", post(" Content-Length: 5")),
    case("length-folded", post("Content-Length:\r\n 5")),
    case("length-folded-more-digits", post("Content-Length: 5\r\n 0")),
    case("length-hidden-behind-lf", post("X: y\nContent-Length: 5")),
    case("length-hidden-behind-cr", post("X: y\rContent-Length: 5")),
    case("length-nul-in-name", post("Content-Length\0: 5")),
    case("length-bare-cr-after", post("Content-Length: 5\r")),
]


def chunked(body, *more):
    return post("Transfer-Encoding: chunked", *more, body=body)


# The first chunk is wrong, and it comes together with the head: nothing may be forwarded.
FIRST_CHUNKS = {
    "0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "0X": b"0X5\r\nhello\r\n0\r\n\r\n",
    "x": b"x5\r\nhello\r\n0\r\n\r\n",
    "plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "minus": b"-5\r\nhello\r\n0\r\n\r\n",
    "minus-zero": b"-0\r\n\r\n",
    "leading-space": b" 5\r\nhello\r\n0\r\n\r\n",
    "leading-tab": b"\t5\r\nhello\r\n0\r\n\r\n",
    "leading-vertical-tab": b"\x0b5\r\nhello\r\n0\r\n\r\n",
    "trailing-space": b"5 \r\nhello\r\n0\r\n\r\n",
    "trailing-tab": b"5\t\r\nhello\r\n0\r\n\r\n",
    "trailing-nul": b"5\0\r\nhello\r\n0\r\n\r\n",
    "inner-space": b"5 0\r\nhello\r\n0\r\n\r\n",
    "underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "dot": b"5.0\r\nhello\r\n0\r\n\r\n",
    "comma": b"5,5\r\nhello\r\n0\r\n\r\n",
    "quoted": b'"5"\r\nhello\r\n0\r\n\r\n',
    "percent": b"%35\r\nhello\r\n0\r\n\r\n",
    "letter": b"g\r\nhello\r\n0\r\n\r\n",
    "letter-after": b"5g\r\nhello\r\n0\r\n\r\n",
    "h-suffix": b"5h\r\nhello\r\n0\r\n\r\n",
    "empty": b"\r\nhello\r\n0\r\n\r\n",
    "empty-then-size": b"\r\n5\r\nhello\r\n0\r\n\r\n",
    "empty-with-extension": b";a=b\r\nhello\r\n0\r\n\r\n",
    "raw-8-bit": b"\xb5\r\nhello\r\n0\r\n\r\n",
    "wide-digit": "５".encode() + b"\r\nhello\r\n0\r\n\r\n",
    "overflow-wraps-to-5": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "overflow-17-f": b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "overflow-all-ones": b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "overflow-all-ones-less-1": b"fffffffffffffffe\r\nhello\r\n0\r\n\r\n",
    "overflow-sign-bit": b"8000000000000000\r\nhello\r\n0\r\n\r\n",
    "overflow-32-bit-and-more": b"100000000000000000000000000000005\r\nhello\r\n0\r\n\r\n",
    "bare-lf-after-size": b"5\nhello\r\n0\r\n\r\n",
    "bare-lf-everywhere": b"5\nhello\n0\n\n",
    "bare-cr-after-size": b"5\rhello\r\n0\r\n\r\n",
    "cr-cr-lf": b"5\r\r\nhello\r\n0\r\n\r\n",
    "bare-cr-before": b"\r5\r\nhello\r\n0\r\n\r\n",
    "bare-lf-before": b"\n5\r\nhello\r\n0\r\n\r\n",
    "extension-bare-lf": b"5;a\nhello\r\n0\r\n\r\n",
    "extension-bare-lf-inside": b"5;a=b\nc\r\nhello\r\n0\r\n\r\n",
    "extension-bare-cr": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "extension-cr-cr-lf": b"5;a=b\r\r\nhello\r\n0\r\n\r\n",
    "extension-nul": b"5;a=\0\r\nhello\r\n0\r\n\r\n",
    "extension-control": b"5;a=\x01\r\nhello\r\n0\r\n\r\n",
    "extension-del": b"5;a=\x7f\r\nhello\r\n0\r\n\r\n",
    "extension-without-name": b"5;\r\nhello\r\n0\r\n\r\n",
    "extension-two-semicolons": b"5;;a=b\r\nhello\r\n0\r\n\r\n",
    "extension-only-value": b"5;=b\r\nhello\r\n0\r\n\r\n",
    "extension-no-value": b"5;a=\r\nhello\r\n0\r\n\r\n",
    "extension-space-inside": b"5;a b\r\nhello\r\n0\r\n\r\n",
    "extension-open-quote": b'5;a="b\r\nhello\r\n0\r\n\r\n',
    "extension-quote-over-lines": b'5;a="b\r\nc"\r\nhello\r\n0\r\n\r\n',
    "extension-quote-escapes-cr": b'5;a="b\\\r\nc"\r\nhello\r\n0\r\n\r\n',
    "extension-after-quote": b'5;a="b"c\r\nhello\r\n0\r\n\r\n',
    "extension-raw-name": b"5;a\x80=b\r\nhello\r\n0\r\n\r\n",
    "last-0x": b"0x0\r\n\r\n",
    "last-bare-lf": b"0\n\r\n",
    "last-bare-lf-both": b"0\n\n",
    "last-then-bare-lf": b"0\r\n\n",
    "last-then-bare-cr": b"0\r\n\rX\r\n\r\n",
    "last-extension-bare-lf": b"0;a\n\r\n",
}
first_chunks = [case(f"chunk-{name}", chunked(body)) for name, body in FIRST_CHUNKS.items()]

# A good chunk, then a bad one: the head may be on its way by then, but never a whole message.
LATER_CHUNKS = {
    "data-without-crlf": b"5\r\nhello0\r\n\r\n",
    "data-then-bare-lf": b"5\r\nhello\n0\r\n\r\n",
    "data-then-bare-cr": b"5\r\nhello\r0\r\n\r\n",
    "data-then-cr-cr-lf": b"5\r\nhello\r\r\n0\r\n\r\n",
    "data-too-long": b"5\r\nhello!\r\n0\r\n\r\n",
    "data-too-short": b"5\r\nhell\r\n0\r\n\r\n",
    "data-then-empty-line": b"5\r\nhello\r\n\r\n0\r\n\r\n",
    "second-empty": b"5\r\nhello\r\n\r\n",
    "second-0x": b"5\r\nhello\r\n0x3\r\nabc\r\n0\r\n\r\n",
    "second-minus": b"5\r\nhello\r\n-3\r\nabc\r\n0\r\n\r\n",
    "second-overflow": b"5\r\nhello\r\n10000000000000003\r\nabc\r\n0\r\n\r\n",
    "second-space": b"5\r\nhello\r\n 3\r\nabc\r\n0\r\n\r\n",
    "second-bare-lf": b"5\r\nhello\r\n3\nabc\r\n0\r\n\r\n",
    "second-extension-bare-lf": b"5\r\nhello\r\n3;a\nb\r\nabc\r\n0\r\n\r\n",
    "last-then-bare-lf": b"5\r\nhello\r\n0\r\n\n",
    "last-bare-lf": b"5\r\nhello\r\n0\n\r\n",
    "last-minus": b"5\r\nhello\r\n-0\r\n\r\n",
    "last-without-end": b"5\r\nhello\r\n0\r\nGET /smuggled HTTP/1.1\r\n\r\n",
}
later_chunks = [case(f"chunk-after-good-{name}", chunked(body), upstream=BROKEN) for name, body in LATER_CHUNKS.items()]
later_chunks += [
    case("chunk-huge-extension", chunked(b"5;a=" + b"b" * 100_000 + b"\r\nhello\r\n0\r\n\r\n"), upstream=BROKEN),
    case("chunk-endless-size", chunked(b"0" * 100_000 + b"5\r\nhello\r\n0\r\n\r\n"), upstream=BROKEN),
    case("chunk-endless-extension-no-lf", chunked(b"5;" + b"a" * 200_000), upstream=BROKEN),
]

# Trailers: what may not be smuggled in behind the body, and what is no field line at all.
FORBIDDEN_TRAILERS = ["Content-Length: 5", "Transfer-Encoding: chunked", "Host: evil.test", "X-Forwarded-For: 1.2.3.4",
                      "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.test", "X_Forwarded_For: 1.2.3.4",
                      "Forwarded: for=1.2.3.4", "X-Real-IP: 1.2.3.4", "X-Request-ID: evil", "Authorization: Basic ZXZpbDpldmls",
                      "Connection: close", "TE: trailers", "Trailer: X", "Upgrade: websocket", "Expect: 100-continue",
                      "Cookie: session=evil", "Content-Type: text/evil", "Content-Encoding: gzip", "Content-Range: bytes 0-1/2",
                      "Cache-Control: no-cache", "content-LENGTH: 5", "Proxy-Authorization: Basic ZXZpbDpldmls", "Keep-Alive: x"]
BROKEN_TRAILERS = {
    "no-colon": b"oops\r\n", "space-before-colon": b"X : y\r\n", "empty-name": b": y\r\n", "folded": b"X: y\r\n z\r\n",
    "folded-first": b" X: y\r\n", "nul-in-value": b"X: \0\r\n", "nul-in-name": b"X\0: y\r\n", "control": b"X: \x01\r\n",
    "bare-lf": b"X: y\n", "bare-cr": b"X: y\rz\r\n", "cr-cr-lf": b"X: y\r\r\n", "odd-name": b"X(: y\r\n",
    "request-line": b"GET /smuggled HTTP/1.1\r\nHost: app.test\r\n", "raw-name": b"X\x80: y\r\n",
}
trailers = [case(f"trailer-{shown(t)}", chunked(chunks(b"hello", trailers=t + "\r\n")), upstream=BROKEN)
            for t in FORBIDDEN_TRAILERS]
trailers += [case(f"trailer-{name}", chunked(b"5\r\nhello\r\n0\r\n" + t + b"\r\n"), upstream=BROKEN)
             for name, t in BROKEN_TRAILERS.items()]
trailers += [
    case("trailer-too-many", chunked(chunks(b"hello", trailers="".join(f"X-{i}: y\r\n" for i in range(300)))),
         upstream=BROKEN),
    case("trailer-too-large", chunked(chunks(b"hello", trailers="X: " + "y" * 80_000 + "\r\n")), upstream=BROKEN),
    case("trailer-endless", chunked(b"0\r\nX: " + b"y" * 200_000), upstream=BROKEN),
    case("trailer-length-after-empty-body", chunked(chunks(trailers="Content-Length: 43\r\n") + SMUGGLED), upstream=BROKEN),
]

# Which rule each of them breaks.
lengths = told("bad-length", lengths,
               two_lengths="length-5, length-,5 length-5,_5 length-5,5 length-5,_6 length-0,5",
               field_value="length-5x0b length-x0c5 length-5x00 length-5x7f")
codings = told("bad-coding", codings,
               field_value="coding-x0bchunked coding-chunkedx0b coding-x0cchunked coding-x00chunked coding-chunkedx00 "
                           "coding-x1fchunked coding-x7fchunked coding-hidden-behind-nul",
               obs_fold="coding-leading-space coding-folded-before coding-folded-after coding-folded-tab",
               old_coding="coding-in-1.0 coding-in-1.0-keep-alive",
               space_before_colon="coding-space-before-colon coding-tab-before-colon",
               field_name="coding-nul-before-colon coding-nul-in-name",
               bare_lf="coding-bare-lf-after coding-hidden-behind-lf",
               bare_cr="coding-bare-cr-after coding-hidden-behind-cr",
               length_and_coding="coding-in-1.0-and-length",
               missing_colon="coding-no-space-line")
both = told("length-and-coding", both,
            two_lengths="length-twice-same length-twice-different length-twice-different-swapped length-twice-cases "
                        "length-twice-one-empty length-thrice length-twice-on-get",
            obs_fold="length-leading-space length-folded length-folded-more-digits",
            space_before_colon="length-space-before-colon length-tab-before-colon",
            bare_cr="length-hidden-behind-cr length-bare-cr-after",
            bare_lf="length-hidden-behind-lf",
            field_name="length-nul-in-name")
first_chunks = told("bad-chunk-size", first_chunks,
                    chunk_extension="chunk-extension-nul chunk-extension-control chunk-extension-del chunk-extension-without-name "
                                    "chunk-extension-two-semicolons chunk-extension-only-value chunk-extension-no-value "
                                    "chunk-extension-space-inside chunk-extension-open-quote chunk-extension-quote-over-lines "
                                    "chunk-extension-quote-escapes-cr chunk-extension-after-quote chunk-extension-raw-name",
                    bare_lf="chunk-bare-lf-after-size chunk-bare-lf-everywhere chunk-bare-lf-before chunk-extension-bare-lf "
                            "chunk-extension-bare-lf-inside chunk-last-bare-lf chunk-last-bare-lf-both chunk-last-then-bare-lf "
                            "chunk-last-extension-bare-lf",
                    bare_cr="chunk-bare-cr-after-size chunk-cr-cr-lf chunk-extension-bare-cr chunk-extension-cr-cr-lf "
                            "chunk-last-then-bare-cr")
later_chunks = told("bad-chunk-size", later_chunks,
                    chunk_end="chunk-after-good-data-without-crlf chunk-after-good-data-then-bare-lf chunk-after-good-data-then-bare-cr "
                              "chunk-after-good-data-then-cr-cr-lf chunk-after-good-data-too-long chunk-after-good-data-too-short",
                    bare_lf="chunk-after-good-second-bare-lf chunk-after-good-second-extension-bare-lf "
                            "chunk-after-good-last-then-bare-lf chunk-after-good-last-bare-lf",
                    chunk_line="chunk-huge-extension chunk-endless-size chunk-endless-extension-no-lf",
                    missing_colon="chunk-after-good-last-without-end")
trailers = told("trailer-field", trailers,
                field_name="trailer-empty-name trailer-nul-in-name trailer-odd-name trailer-raw-name",
                trailer_size="trailer-too-many trailer-too-large trailer-endless",
                missing_colon="trailer-no-colon trailer-request-line",
                obs_fold="trailer-folded trailer-folded-first",
                field_value="trailer-nul-in-value trailer-control",
                bare_cr="trailer-bare-cr trailer-cr-cr-lf",
                space_before_colon="trailer-space-before-colon",
                bare_lf="trailer-bare-lf")

CASES = lengths + codings + both + first_chunks + later_chunks + trailers
