"""What an attacker sends, beside HTTP: floods, provocations, header blocks that explode, frames that are wrong.

All of it is written down as bytes, so that nothing but Sluice takes time.
"""

from dataclasses import dataclass

from cases_requests import told
from http2 import (ACK, END_HEADERS, END_STREAM, INDEXED, MAX_FRAME, MAX_WINDOW, PADDED, PREFACE, Code, Kind, Setting, block,
                   continuation, data, dependency, frame, goaway, head, headers, indexed, integer, literal, ping, priority,
                   push_promise, rst_stream, settings, settings_ack, table_size, window_update)

# What the stage allows one connection; attacks go far beyond.
STREAMS, RESETS, CONTROL_FRAMES, CONTINUATIONS = 32, 100, 500, 16

GET = block(head("GET", "/attack"))
POST = block(head("POST", "/attack"))
POST_5 = block(head("POST", "/attack", "content-length: 5"))
CALM = (Code.ENHANCE_YOUR_CALM,)
PROTOCOL, SIZE, FLOW, CLOSED = ((code,) for code in (Code.PROTOCOL_ERROR, Code.FRAME_SIZE_ERROR, Code.FLOW_CONTROL_ERROR,
                                                     Code.STREAM_CLOSED))
COMPRESSION = (Code.COMPRESSION_ERROR,)


@dataclass(frozen=True)
class Attack:
    name: str
    sent: bytes
    codes: tuple      # of GOAWAY
    at_most: int      # how many requests for /attack may have been passed on
    listens: bool     # whether the attacker reads what comes back
    rule: str = ""    # that the connection broke; none: it was within the rules, and too much

    def __str__(self):
        return self.name


def attack(name, sent, codes=CALM, at_most=0, listens=True):
    return Attack(name, sent, codes, at_most, listens)


def streams(count, first=1):
    return range(first, first + 2 * count, 2)


def repeated(sent, count=3_000):
    return sent * count


def on_each(count, *make):
    """What `make` gives for each of so many streams, one stream after the other."""
    return b"".join(one(stream) for stream in streams(count) for one in make)


def on_one(head_block, *pieces, end=False):
    """A request on stream 1, and what follows."""
    return headers(1, head_block, end) + b"".join(pieces)


def opened(stream):
    return headers(stream, POST, end=False)


def asked(stream):
    return headers(stream, GET)


# --- floods --------------------------------------------------------------------------------------------------

ENOUGH = RESETS + STREAMS + 20  # requests that an attacker by resets may get through

# CVE-2023-44487: asked for, and given up at once.
RAPID = {
    "get": (asked, rst_stream),
    "post": (opened, rst_stream),
    "post-with-body": (opened, lambda s: data(s, b"x" * 100), rst_stream),
    "no-error": (asked, lambda s: rst_stream(s, Code.NO_ERROR)),
    "unknown-code": (asked, lambda s: rst_stream(s, 0xffffffff)),
    "refused": (asked, lambda s: rst_stream(s, Code.REFUSED_STREAM)),
    "with-window": (asked, lambda s: window_update(s, 1), rst_stream),
    "with-priority": (lambda s: headers(s, GET, priority=dependency(0)), rst_stream),
    "with-continuation": (lambda s: headers(s, GET[:5], whole=False) + continuation(s, GET[5:]), rst_stream),
}
floods = [attack(f"rapid-reset-{name}", on_each(2_000, *make), at_most=ENOUGH) for name, make in RAPID.items()]
floods.append(attack("rapid-reset-in-waves", b"".join(
    b"".join(asked(s) for s in streams(20, 1 + 40 * wave)) + b"".join(rst_stream(s) for s in streams(20, 1 + 40 * wave))
    for wave in range(100)), at_most=ENOUGH))
floods.append(attack("rapid-reset-without-listening", on_each(2_000, asked, rst_stream), at_most=ENOUGH, listens=False))

# CVE-2025-8671: the server is brought to do the reset. It may also call the first of them an error of the connection.
MADE_YOU = {
    "window-update-zero": (lambda s: window_update(s, 0), PROTOCOL),
    "window-overflow": (lambda s: window_update(s, MAX_WINDOW) * 2, FLOW),
    "priority-on-itself": (lambda s: priority(s, on=s), PROTOCOL),
    "priority-of-4-bytes": (lambda s: frame(Kind.PRIORITY, 0, s, bytes(4)), SIZE),
    "body-too-long": (lambda s: data(s, b"too long"), PROTOCOL),
    "body-too-short": (lambda s: data(s, b"abc", True), PROTOCOL),
    "trailers-that-go-on": (lambda s: headers(s, block([("x-a", "b")]), end=False), PROTOCOL),
    "trailers-upper-case": (lambda s: headers(s, block([("X-A", "b")])), PROTOCOL),
    "trailers-pseudo": (lambda s: headers(s, block([(":path", "/")])), PROTOCOL),
    "data-after-the-end": (lambda s: data(s, b"hello", True) + data(s, b"!"), CLOSED),
    "headers-after-the-end": (lambda s: data(s, b"hello", True) + headers(s, GET), CLOSED),
}
floods += [attack(f"made-you-reset-{name}", on_each(2_000, lambda s: headers(s, POST_5, end=False), make), CALM + codes, ENOUGH)
           for name, (make, codes) in MADE_YOU.items()]

MALFORMED = {
    "no-path": block([(":method", "GET"), (":scheme", "http"), (":authority", "app.test")]),
    "upper-case": GET + literal("X-A", "b"),
    "connection": GET + literal("connection", "close"),
    "bad-host": block(head("GET", "/attack", authority="a b")),
    "dots": block(head("GET", "/../attack")),
    "empty": b"",
}
floods += [
    attack("refused-flood", on_each(4_000, opened), at_most=STREAMS),
    attack("refused-flood-with-bodies", on_each(2_000, opened, lambda s: data(s, b"x" * 30)), at_most=STREAMS),
    attack("closed-flood-data", on_one(POST, rst_stream(1), repeated(data(1, b"!"))), CALM + CLOSED, 1),
    attack("closed-flood-resets", on_one(POST, repeated(rst_stream(1))), CALM + CLOSED + PROTOCOL, 1),
    attack("closed-flood-windows", on_one(POST, rst_stream(1), repeated(window_update(1, 1))), CALM + CLOSED, 1),
    attack("closed-flood-headers", on_one(POST, rst_stream(1), repeated(headers(1, GET))), CALM + CLOSED + PROTOCOL, 1),
]

CONTROL = {
    "settings": settings(initial_window_size=65535),
    "settings-empty": settings(),
    "settings-long": settings(*[(0xff00 + i, i) for i in range(100)]),
    "settings-windows-up-and-down": settings(initial_window_size=0) + settings(initial_window_size=MAX_WINDOW),
    "settings-table-up-and-down": settings(header_table_size=0) + settings(header_table_size=4096),
    "ping": ping(b"12345678"),
    "ping-answers": ping(b"12345678", ack=True),
    "priority-one-stream": priority(1),
    "priority-exclusive": priority(3, on=1, exclusive=True) + priority(1, on=3, exclusive=True),
    "window-updates": window_update(0, 1),
    "unknown": frame(0xbe),
    "unknown-on-a-stream": frame(0xbe, 0xff, 1, b"x"),
    "priority-update": frame(0x10, 0, 0, b"\0\0\0\1u=0"),
    "altsvc": frame(0x0a, 0, 0, b"\0\0x"),
    "origin": frame(0x0c, 0, 0, b"\0\0"),
    "mixed": ping(b"12345678") + settings() + priority(5) + window_update(0, 1) + frame(0xfe),
}
floods += [attack(f"flood-{name}", repeated(sent)) for name, sent in CONTROL.items()]
floods += [
    attack("flood-settings-answers", repeated(settings_ack()), CALM + PROTOCOL),
    attack("flood-goaway", repeated(goaway(0, Code.NO_ERROR, b"bye")), CALM + (Code.NO_ERROR,)),
    attack("flood-priority-many-streams", b"".join(priority(s, on=s + 2) for s in streams(3_000))),
    attack("flood-unknown-large", repeated(frame(0xbe, 0, 0, bytes(MAX_FRAME)), 1_000)),
    attack("flood-ping-without-listening", repeated(ping(b"12345678"), 200_000), listens=False),
    attack("flood-settings-without-listening", repeated(settings(initial_window_size=1), 100_000), listens=False),
    attack("flood-window-updates-of-a-stream", on_one(POST, repeated(window_update(1, 1))), at_most=1),
    attack("flood-priority-of-a-stream", on_one(POST, repeated(priority(1, on=0, weight=7))), at_most=1),
    attack("flood-empty-data", on_one(POST, repeated(data(1))), at_most=1),
    attack("flood-empty-data-padded", on_one(POST, repeated(data(1, b"", pad=0))), at_most=1),
]

# --- CONTINUATION (CVE-2024-27316 and its kin) ---------------------------------------------------------------

BEGIN = headers(1, GET, whole=False)
MORE = literal("x-a", "b" * 50)


def go_on(count, piece=b"", last=b""):
    return BEGIN + repeated(continuation(1, piece, whole=False), count) + last


continuations = [
    attack("continuation-empty", go_on(5_000)),
    attack("continuation-tiny", go_on(5_000, literal("a", ""))),
    attack("continuation-one-byte-of-a-string", BEGIN + continuation(1, b"\0\1a\x7f\xff\xff\x03", False)
           + repeated(continuation(1, b"b", False), 5_000), CALM + COMPRESSION),
    attack("continuation-fields", go_on(5_000, MORE)),
    attack("continuation-large", go_on(1_000, literal("x-a", "b" * 16_000))),
    attack("continuation-indexed", go_on(2_000, indexed(2) * 100)),
    attack("continuation-table-updates", headers(1, b"", whole=False) + repeated(continuation(1, table_size(0), False), 5_000),
           CALM + COMPRESSION),
    attack("continuation-one-too-many", go_on(CONTINUATIONS, MORE, continuation(1, MORE))),
    attack("continuation-empty-one-too-many", go_on(CONTINUATIONS, b"", continuation(1))),
    attack("continuation-in-trailers", on_one(POST, headers(1, literal("x-a", "b"), whole=False),
                                              repeated(continuation(1, MORE, False), 5_000)), at_most=1),
    attack("continuation-on-a-refused-stream", b"".join(opened(s) for s in streams(STREAMS + 1))
           + headers(2 * STREAMS + 3, GET, whole=False) + repeated(continuation(2 * STREAMS + 3, MORE, False), 5_000), at_most=STREAMS),
    attack("continuation-again-and-again", b"".join(
        headers(s, GET[:5], whole=False) + repeated(continuation(s, b"", False), CONTINUATIONS - 1) + continuation(s, GET[5:])
        + rst_stream(s) for s in streams(500)), at_most=ENOUGH),
]

# --- HPACK ---------------------------------------------------------------------------------------------------

BOMB_ENTRY = literal("x", "y" * 4_000, INDEXED)  # takes the whole dynamic table
HUGE_INTEGER = b"\xff" * 20 + b"\x7f"


def broken(name, suffix, prefix=b"", before=b"", codes=COMPRESSION, at_most=0):
    """A header block that cannot be decoded."""
    return attack(f"hpack-{name}", before + headers(9, prefix + GET + suffix), codes, at_most)


hpack = [
    broken("index-zero", b"\x80"),
    broken("index-beyond", indexed(62)),
    broken("index-far-beyond", indexed(1 << 30)),
    broken("index-overflow", b"\xff" + HUGE_INTEGER),
    broken("index-endless", b"\xff" + b"\x80" * 1_000 + b"\0"),
    broken("index-cut", b"\xff\x80"),
    broken("name-index-beyond", literal(62, "x")),
    broken("name-index-overflow", b"\x7f" + HUGE_INTEGER + b"\0"),
    broken("string-longer-than-block", b"\0\1a\x7f\x80\x01"),
    broken("string-length-overflow", b"\0\1a\x7f" + HUGE_INTEGER),
    broken("string-length-2^31", b"\0\1a" + integer(1 << 31, 7)),
    broken("string-length-2^63", b"\0\1a" + integer(1 << 63, 7)),
    broken("name-longer-than-block", b"\0\x7e" + b"a" * 10),
    broken("cut-after-the-kind", b"\x40"),
    broken("cut-after-the-name", b"\0\1a"),
    broken("huffman-eos", b"\0\1a\x84\xff\xff\xff\xff"),
    broken("huffman-padding-too-long", b"\0\1a\x82\x1f\xff"),
    broken("huffman-padding-of-zeros", b"\0\1a\x81\x18"),
    broken("huffman-only-padding", b"\0\1a\x81\xff"),
    broken("table-size-too-large", b"", prefix=table_size(1 << 20)),
    broken("table-size-overflow", b"", prefix=b"\x3f" + HUGE_INTEGER),
    broken("table-size-at-the-end", table_size(0)),
    broken("evicted-by-size", indexed(62), before=headers(1, GET + literal("x", "y", INDEXED)), prefix=table_size(0), at_most=1),
    broken("evicted-by-a-larger-one", literal("x", "y" * 4_050, INDEXED) + indexed(63),
           before=headers(1, GET + literal("a", "b", INDEXED)), at_most=1),
    broken("emptied-by-one-that-never-fits", literal("x", "y" * 5_000, INDEXED) + indexed(62),
           before=headers(1, GET + literal("a", "b", INDEXED)), at_most=1),
    broken("in-trailers", b"", before=on_one(POST, headers(1, b"\x80")), at_most=1),
]

# --- frames that are wrong -----------------------------------------------------------------------------------

BIG = MAX_FRAME + 1
violations = [
    *(attack(f"oversize-{Kind(kind).name.lower()}", frame(kind, 0, stream, bytes(BIG)), codes) for kind, stream, codes in (
        (Kind.HEADERS, 1, SIZE), (Kind.SETTINGS, 0, SIZE), (Kind.PING, 0, SIZE), (Kind.GOAWAY, 0, SIZE),
        (Kind.WINDOW_UPDATE, 0, SIZE), (Kind.CONTINUATION, 1, SIZE + PROTOCOL), (Kind.RST_STREAM, 1, SIZE + PROTOCOL))),
    attack("oversize-data", on_one(POST, frame(Kind.DATA, 0, 1, bytes(BIG))), SIZE, 1),
    attack("oversize-unknown", frame(0xbe, 0, 0, bytes(BIG)), SIZE),
    attack("oversize-announced-only", frame(Kind.DATA, 0, 1, b"", length=0xffffff), SIZE + PROTOCOL),
    attack("oversize-headers-announced-only", frame(Kind.HEADERS, END_HEADERS, 1, GET, length=0xffffff), SIZE),

    attack("size-ping-7", frame(Kind.PING, 0, 0, bytes(7)), SIZE),
    attack("size-ping-9", frame(Kind.PING, 0, 0, bytes(9)), SIZE),
    attack("size-settings-5", frame(Kind.SETTINGS, 0, 0, bytes(5)), SIZE),
    attack("size-settings-ack-6", frame(Kind.SETTINGS, ACK, 0, bytes(6)), SIZE),
    attack("size-window-update-3", frame(Kind.WINDOW_UPDATE, 0, 0, bytes(3)), SIZE),
    attack("size-window-update-5", frame(Kind.WINDOW_UPDATE, 0, 0, bytes(5)), SIZE),
    attack("size-rst-stream-3", on_one(POST, frame(Kind.RST_STREAM, 0, 1, bytes(3))), SIZE, 1),
    attack("size-rst-stream-5", on_one(POST, frame(Kind.RST_STREAM, 0, 1, bytes(5))), SIZE, 1),
    attack("size-goaway-7", frame(Kind.GOAWAY, 0, 0, bytes(7)), SIZE),
    attack("size-headers-priority-missing", frame(Kind.HEADERS, 0x24, 1, b"\0\0"), SIZE + PROTOCOL),
    attack("size-headers-pad-missing", frame(Kind.HEADERS, END_HEADERS | PADDED, 1, b""), SIZE + PROTOCOL),
    attack("size-data-pad-missing", on_one(POST, frame(Kind.DATA, PADDED, 1, b"")), SIZE + PROTOCOL, 1),

    attack("padding-headers-whole-frame", frame(Kind.HEADERS, END_STREAM | END_HEADERS | PADDED, 1, b"\x05" + bytes(4)), PROTOCOL),
    attack("padding-headers-too-long", frame(Kind.HEADERS, END_STREAM | END_HEADERS | PADDED, 1, b"\xff" + GET), PROTOCOL),
    attack("padding-headers-eats-priority", frame(Kind.HEADERS, 0x2d, 1, b"\x06" + bytes(10)), PROTOCOL + SIZE),
    attack("padding-data-too-long", on_one(POST, frame(Kind.DATA, PADDED, 1, b"\x06hello")), PROTOCOL, 1),
    attack("padding-data-as-long-as-frame", on_one(POST, frame(Kind.DATA, PADDED, 1, b"\x06" + bytes(5))), PROTOCOL, 1),

    *(attack(f"stream-0-{name}", frame(kind, 0, 0, payload), PROTOCOL) for name, kind, payload in (
        ("data", Kind.DATA, b"x"), ("headers", Kind.HEADERS, GET), ("priority", Kind.PRIORITY, bytes(5)),
        ("rst-stream", Kind.RST_STREAM, bytes(4)), ("continuation", Kind.CONTINUATION, b""))),
    *(attack(f"on-a-stream-{name}", frame(kind, 0, 1, payload), PROTOCOL) for name, kind, payload in (
        ("settings", Kind.SETTINGS, bytes(6)), ("ping", Kind.PING, bytes(8)), ("goaway", Kind.GOAWAY, bytes(8)))),
    *(attack(f"idle-{name}", sent, PROTOCOL) for name, sent in (
        ("data", data(1, b"x")), ("rst-stream", rst_stream(1)), ("window-update", window_update(1, 1)),
        ("continuation", continuation(1, GET)))),
    attack("even-stream", headers(2, GET), PROTOCOL),
    attack("lower-stream", headers(5, GET) + headers(3, GET), PROTOCOL, 1),
    attack("no-stream-left", headers(MAX_WINDOW, GET) + headers(1, GET), PROTOCOL, 1),
    attack("push-promise", on_one(POST, push_promise(1, 2, GET)), PROTOCOL, 1),
    attack("push-promise-idle", push_promise(1, 2, GET), PROTOCOL),
    attack("continuation-of-nothing", on_one(POST, continuation(1, MORE)), PROTOCOL, 1),
    attack("continuation-elsewhere", BEGIN + continuation(3, MORE), PROTOCOL),
    *(attack(f"headers-interrupted-by-{name}", BEGIN + sent, PROTOCOL) for name, sent in (
        ("data", data(1, b"x")), ("headers", headers(3, GET)), ("priority", priority(1)), ("settings", settings()),
        ("ping", ping()), ("window-update", window_update(0, 1)), ("unknown", frame(0xbe)), ("goaway", goaway()))),

    attack("settings-push-2", settings(enable_push=2), PROTOCOL),
    attack("settings-window-2^31", settings(initial_window_size=1 << 31), FLOW),
    attack("settings-window-largest", settings(initial_window_size=0xffffffff), FLOW),
    attack("settings-frame-small", settings(max_frame_size=0), PROTOCOL),
    attack("settings-frame-16383", settings(max_frame_size=MAX_FRAME - 1), PROTOCOL),
    attack("settings-frame-large", settings(max_frame_size=1 << 24), PROTOCOL),
    attack("settings-connect-2", settings(enable_connect_protocol=2), PROTOCOL),
    attack("settings-wrong-behind-right", settings((Setting.HEADER_TABLE_SIZE, 0), (0xff, 9), (Setting.ENABLE_PUSH, 7)), PROTOCOL),
    attack("settings-window-makes-streams-overflow", on_one(POST, window_update(1, MAX_WINDOW - 65535), settings(
        initial_window_size=65536)), FLOW, 1),
    attack("window-zero", window_update(0, 0), PROTOCOL),
    attack("window-overflow", window_update(0, MAX_WINDOW), FLOW),
    attack("window-overflow-in-steps", window_update(0, 1 << 30) * 2, FLOW),
]

# --- prefaces ------------------------------------------------------------------------------------------------

HELLO = PREFACE + settings()
prefaces = [
    attack("preface-then-ping", PREFACE + ping(), PROTOCOL),
    attack("preface-then-headers", PREFACE + headers(1, GET), PROTOCOL),
    attack("preface-then-acknowledgement", PREFACE + settings_ack(), PROTOCOL),
    attack("preface-then-unknown", PREFACE + frame(0xbe), PROTOCOL),
    attack("preface-then-window-update", PREFACE + window_update(0, 1), PROTOCOL),
    attack("preface-then-bad-settings", PREFACE + frame(Kind.SETTINGS, 0, 0, bytes(5)), SIZE + PROTOCOL),
    attack("preface-twice", HELLO + PREFACE, PROTOCOL + SIZE),
    attack("preface-then-http-1", PREFACE + b"GET /attack HTTP/1.1\r\nHost: app.test\r\n\r\n", PROTOCOL + SIZE),
    attack("preface-lower-case", PREFACE.lower() + settings(), PROTOCOL),
    attack("preface-one-byte-wrong", PREFACE[:-1] + b"x" + settings(), PROTOCOL),
    attack("preface-http-2.1", PREFACE.replace(b"2.0", b"2.1") + settings(), PROTOCOL),
    attack("preface-bare-lf", PREFACE.replace(b"\r", b"") + settings(), PROTOCOL),
    attack("preface-missing", settings() + headers(1, GET), PROTOCOL),
    attack("preface-of-http-1", b"GET /attack HTTP/1.1\r\nHost: app.test\r\n\r\n", PROTOCOL),
    attack("preface-of-http-1-upgrade", b"GET /attack HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade, HTTP2-Settings\r\n"
           b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", PROTOCOL),
    attack("preface-of-tls", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00" + bytes(30), PROTOCOL),
    attack("preface-of-garbage", bytes(range(256)), PROTOCOL),
    attack("preface-of-nuls", bytes(1000), PROTOCOL),
]

# Which rule each of these breaks.
hpack = told("h2-hpack", hpack)
violations = told("h2-frame-size", violations,
                  h2_stream_id="stream-0-data stream-0-headers stream-0-priority stream-0-rst-stream on-a-stream-settings "
                               "on-a-stream-ping on-a-stream-goaway idle-data idle-rst-stream idle-window-update even-stream lower-stream "
                               "no-stream-left",
                  h2_frame_order="stream-0-continuation idle-continuation continuation-of-nothing continuation-elsewhere "
                                 "headers-interrupted-by-data headers-interrupted-by-headers headers-interrupted-by-priority "
                                 "headers-interrupted-by-settings headers-interrupted-by-ping headers-interrupted-by-window-update "
                                 "headers-interrupted-by-unknown headers-interrupted-by-goaway",
                  h2_settings="settings-push-2 settings-window-2^31 settings-window-largest settings-frame-small settings-frame-16383 "
                              "settings-frame-large settings-connect-2 settings-wrong-behind-right",
                  h2_padding="size-headers-pad-missing size-data-pad-missing padding-headers-whole-frame padding-headers-too-long "
                             "padding-data-too-long padding-data-as-long-as-frame",
                  h2_window="settings-window-makes-streams-overflow window-zero window-overflow window-overflow-in-steps",
                  h2_push="push-promise push-promise-idle")
prefaces = told("h2-preface", prefaces,
                h2_frame_order="preface-then-ping preface-then-headers preface-then-acknowledgement preface-then-unknown "
                               "preface-then-window-update",
                h2_frame_size="preface-then-bad-settings preface-twice preface-then-http-1")
