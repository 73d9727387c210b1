"""What a server has to refuse, by sections of RFC 7540; h2spec's "http2"."""

from cases_http2 import (acknowledged, answered, block, bytes_of_data, case, closed, connection_error, dummies, encoded,
                         first, pong, pong_or_closed, request, starts_with_settings, stream_closed, stream_error)
from http2 import (ACK, END_HEADERS, END_STREAM, MAX_FRAME, MAX_WINDOW, PADDED, PREFACE, WINDOW, Code, Kind, Setting,
                   continuation, data, dependency, frame, goaway, headers, ping, priority, push_promise, rst_stream,
                   settings, window_update)

PROTOCOL, CLOSED, SIZE, FLOW = Code.PROTOCOL_ERROR, Code.STREAM_CLOSED, Code.FRAME_SIZE_ERROR, Code.FLOW_CONTROL_ERROR
BAD_CONNECTION = connection_error(PROTOCOL)
BAD_STREAM = stream_error(PROTOCOL)
NAME = b"h2spec\0\0"
UNKNOWN = frame(0x16, 0, 0, bytes(8))
RESERVED = 1 << 31


def post(*more, **flags):
    return request(1, "POST", *more, end=flags.pop("end", False), **flags)


def more_of(stream=1, whole=True):
    """CONTINUATION with one long field."""
    return encoded(lambda encoded_block: continuation(stream, encoded_block, whole), *dummies())


def trailers(*fields, end=False):
    return encoded(lambda encoded_block: headers(1, encoded_block, end), *fields)


def without(*names):
    return lambda fields: [pair for pair in fields if pair[0] not in names]


def with_value(name, value):
    return lambda fields: [(n, value if n == name else v) for n, v in fields]


def again(name, value):
    return lambda fields: [*fields, (name, value)]


def twice(make):
    """The same bytes before and after the end of an answer."""
    kept = {}

    def remember(peer):
        kept[peer] = make(peer)
        return kept[peer]

    return remember, lambda peer: kept.pop(peer)


def largest(beyond):
    """DATA of the size that the server allows, and `beyond` more."""
    return lambda peer: data(1, b"x" * (peer.settings.get(Setting.MAX_FRAME_SIZE, MAX_FRAME) + beyond), True)


def one_stream_too_many(peer):
    """Requests whose answers cannot end, one more than announced."""
    limit = peer.settings.get(Setting.MAX_CONCURRENT_STREAMS)
    assert limit, "no limit announced"
    same = block()(peer)
    for stream in range(1, 2 * limit + 2, 2):
        peer.try_send(headers(stream, same))


def padding_beyond_the_frame(peer):
    encoded_block = block()(peer)
    return frame(Kind.HEADERS, END_STREAM | END_HEADERS | PADDED, 1, bytes([len(encoded_block) + 2]) + encoded_block)


before, after = twice(request())
invalid_ping = frame(Kind.PING, 0, 3, bytes(8))

CASES = [
    case("http2/3.5/1", "the preface is answered with SETTINGS first", PREFACE, settings(initial_window_size=WINDOW),
         starts_with_settings, shake=False),
    case("http2/3.5/2", "no preface", b"INVALID CONNECTION PREFACE\r\n\r\n", BAD_CONNECTION, shake=False),

    case("http2/4.1/1", "a frame of unknown type", UNKNOWN, ping(), pong()),
    case("http2/4.1/2", "a frame with undefined flags", frame(Kind.PING, 0x16, 0, bytes(8)), first(Kind.PING)),
    case("http2/4.1/3", "a frame with the reserved bit", frame(Kind.PING, 0x16, RESERVED, bytes(8)), first(Kind.PING)),

    case("http2/4.2/1", "DATA as large as allowed", post(), largest(0), first(Kind.HEADERS)),
    case("http2/4.2/2", "DATA larger than allowed", post(), largest(1), stream_error(SIZE)),
    case("http2/4.2/3", "HEADERS larger than allowed", request(1, "GET", *dummies(5)), connection_error(SIZE)),

    case("http2/4.3/1", "a header block that breaks off", frame(Kind.HEADERS, END_STREAM | END_HEADERS, 1, b"\x40"),
         connection_error(Code.COMPRESSION_ERROR)),
    case("http2/4.3/2", "PRIORITY inside a header block", request(end=False, whole=False), priority(1), more_of(), BAD_CONNECTION),
    case("http2/4.3/3", "HEADERS for another stream inside a header block", request(end=False, whole=False), request(3),
         more_of(), BAD_CONNECTION),

    case("http2/5.1/1", "idle: DATA", data(1, b"test", True), BAD_CONNECTION),
    case("http2/5.1/2", "idle: RST_STREAM", rst_stream(1), BAD_CONNECTION),
    case("http2/5.1/3", "idle: WINDOW_UPDATE", window_update(1, 100), BAD_CONNECTION),
    case("http2/5.1/4", "idle: CONTINUATION", lambda peer: continuation(1, block()(peer)), BAD_CONNECTION),
    case("http2/5.1/5", "half-closed: DATA", request(), data(1, b"test", True), stream_error(CLOSED)),
    case("http2/5.1/6", "half-closed: HEADERS", request(), request(), stream_error(CLOSED)),
    case("http2/5.1/7", "half-closed: CONTINUATION", request(), lambda peer: continuation(1, block()(peer)),
         stream_error(CLOSED, PROTOCOL)),
    case("http2/5.1/8", "closed by RST_STREAM: DATA", request(end=False), rst_stream(1), data(1, b"test", True),
         stream_error(CLOSED)),
    case("http2/5.1/9", "closed by RST_STREAM: HEADERS", request(end=False), rst_stream(1), request(), stream_error(CLOSED)),
    case("http2/5.1/10", "closed by RST_STREAM: CONTINUATION", request(end=False), rst_stream(1), more_of(),
         stream_error(CLOSED, PROTOCOL)),
    case("http2/5.1/11", "closed: DATA", request(), stream_closed, data(1, b"test", True), stream_error(CLOSED)),
    case("http2/5.1/12", "closed: HEADERS", before, stream_closed, after, connection_error(CLOSED)),
    case("http2/5.1/13", "closed: CONTINUATION", request(), stream_closed, more_of(), connection_error(CLOSED, PROTOCOL)),

    case("http2/5.1.1/1", "an even stream number", request(2), BAD_CONNECTION),
    case("http2/5.1.1/2", "a stream number lower than the last", request(5), request(3), BAD_CONNECTION),
    case("http2/5.1.2/1", "more streams than allowed", settings(initial_window_size=0), one_stream_too_many,
         stream_error(PROTOCOL, Code.REFUSED_STREAM)),

    case("http2/5.3.1/1", "HEADERS that depend on themselves", request(priority=dependency(1, 255)), BAD_STREAM),
    case("http2/5.3.1/2", "PRIORITY that depends on itself", priority(1, on=1), BAD_STREAM),

    case("http2/5.4.1/1", "after an error the connection is closed", invalid_ping, closed),
    case("http2/5.4.1/2", "an error is announced by GOAWAY", invalid_ping, first(Kind.GOAWAY)),

    case("http2/5.5/1", "an unknown frame", UNKNOWN, ping(), pong()),
    case("http2/5.5/2", "an unknown frame inside a header block", request(whole=False), UNKNOWN, BAD_CONNECTION),

    case("http2/6.1/1", "DATA on stream 0", data(0, b"test", True), BAD_CONNECTION),
    case("http2/6.1/2", "DATA on a stream that is half-closed", post(end=True), data(1, b"test", True), stream_error(CLOSED)),
    case("http2/6.1/3", "DATA with padding longer than the frame", post("content-length: 4"),
         frame(Kind.DATA, END_STREAM | PADDED, 1, b"\x06Test"), BAD_CONNECTION),

    case("http2/6.2/1", "HEADERS that go on, then PRIORITY", request(end=False, whole=False), priority(1), more_of(), BAD_CONNECTION),
    case("http2/6.2/2", "HEADERS that go on, then HEADERS elsewhere", request(end=False, whole=False), request(3), more_of(),
         BAD_CONNECTION),
    case("http2/6.2/3", "HEADERS on stream 0", request(0), BAD_CONNECTION),
    case("http2/6.2/4", "HEADERS with padding longer than the frame", padding_beyond_the_frame, BAD_STREAM),

    case("http2/6.3/1", "PRIORITY on stream 0", priority(0), BAD_CONNECTION),
    case("http2/6.3/2", "PRIORITY of 4 bytes", request(), frame(Kind.PRIORITY, 0, 1, b"\x80\0\0\1"), stream_error(SIZE)),

    case("http2/6.4/1", "RST_STREAM on stream 0", rst_stream(0), BAD_CONNECTION),
    case("http2/6.4/2", "RST_STREAM on an idle stream", rst_stream(1), BAD_CONNECTION),
    case("http2/6.4/3", "RST_STREAM of 3 bytes", request(), frame(Kind.RST_STREAM, 0, 1, bytes(3)), stream_error(SIZE)),

    case("http2/6.5/1", "an acknowledgement with content", frame(Kind.SETTINGS, ACK, 0, b"\0"), connection_error(SIZE)),
    case("http2/6.5/2", "SETTINGS on a stream", frame(Kind.SETTINGS, 0, 1, b"\0\3\0\0\0\x64"), BAD_CONNECTION),
    case("http2/6.5/3", "SETTINGS of 3 bytes", frame(Kind.SETTINGS, 0, 0, b"\0\3\0"), stream_error(PROTOCOL, SIZE)),
    case("http2/6.5.2/1", "ENABLE_PUSH neither 0 nor 1", settings(enable_push=2), BAD_CONNECTION),
    case("http2/6.5.2/2", "INITIAL_WINDOW_SIZE too large", settings(initial_window_size=1 << 31), connection_error(FLOW)),
    case("http2/6.5.2/3", "MAX_FRAME_SIZE too small", settings(max_frame_size=16383), BAD_CONNECTION),
    case("http2/6.5.2/4", "MAX_FRAME_SIZE too large", settings(max_frame_size=1 << 24), BAD_CONNECTION),
    case("http2/6.5.2/5", "an unknown setting", settings((0xff, 1)), ping(), pong()),
    case("http2/6.5.3/1", "the last value of a setting counts",
         settings((Setting.INITIAL_WINDOW_SIZE, 100), (Setting.INITIAL_WINDOW_SIZE, 1)), acknowledged, request(), bytes_of_data(1)),
    case("http2/6.5.3/2", "SETTINGS are acknowledged", settings(enable_push=0), acknowledged),

    case("http2/6.7/1", "PING comes back as it was", ping(NAME), pong(NAME)),
    case("http2/6.7/2", "an answer to a PING is not answered", ping(b"invalid\0", ack=True), ping(NAME), pong(NAME)),
    case("http2/6.7/3", "PING on a stream", frame(Kind.PING, 0, 1, bytes(8)), BAD_CONNECTION),
    case("http2/6.7/4", "PING of 6 bytes", frame(Kind.PING, 0, 0, bytes(6)), connection_error(SIZE)),
    case("http2/6.8/1", "GOAWAY on a stream", frame(Kind.GOAWAY, 0, 1, bytes(8)), BAD_CONNECTION),

    case("http2/6.9/1", "WINDOW_UPDATE of 0 for the connection", window_update(0, 0), BAD_CONNECTION),
    case("http2/6.9/2", "WINDOW_UPDATE of 0 for a stream", request(end=False), window_update(1, 0), BAD_STREAM),
    case("http2/6.9/3", "WINDOW_UPDATE of 3 bytes", frame(Kind.WINDOW_UPDATE, 0, 0, b"\0\0\1"), connection_error(SIZE)),
    case("http2/6.9.1/1", "no more than the window is sent", settings(initial_window_size=1), acknowledged, request(),
         bytes_of_data(1)),
    case("http2/6.9.1/2", "a window for the connection that grows too large", window_update(0, MAX_WINDOW),
         window_update(0, MAX_WINDOW), first(Kind.GOAWAY, lambda f: f.code == FLOW)),
    case("http2/6.9.1/3", "a window for a stream that grows too large", request(end=False), window_update(1, MAX_WINDOW),
         window_update(1, MAX_WINDOW), first(Kind.RST_STREAM, lambda f: f.stream == 1 and f.code == FLOW)),
    case("http2/6.9.2/1", "INITIAL_WINDOW_SIZE changes the windows of open streams", settings(initial_window_size=0),
         acknowledged, request(), settings(initial_window_size=1), bytes_of_data(1)),
    case("http2/6.9.2/2", "a window may become negative", settings(initial_window_size=3), acknowledged, request(),
         first(Kind.DATA), settings(initial_window_size=2), acknowledged, window_update(1, 2), bytes_of_data(1)),
    case("http2/6.9.2/3", "INITIAL_WINDOW_SIZE beyond the largest window", settings(initial_window_size=1 << 31),
         connection_error(FLOW)),

    case("http2/6.10/1", "CONTINUATION, twice", request(whole=False), more_of(whole=False), more_of(), answered()),
    case("http2/6.10/2", "CONTINUATION that goes on, then DATA", post(whole=False), more_of(whole=False), data(1, b"test", True),
         BAD_CONNECTION),
    case("http2/6.10/3", "CONTINUATION on stream 0", request(whole=False), more_of(0), BAD_CONNECTION),
    case("http2/6.10/4", "CONTINUATION after whole HEADERS", request(), more_of(), BAD_CONNECTION),
    case("http2/6.10/5", "CONTINUATION after the last one", request(whole=False), more_of(), more_of(), BAD_CONNECTION),
    case("http2/6.10/6", "CONTINUATION after DATA", post(whole=False), data(1, b"test", True), more_of(whole=False), more_of(0),
         BAD_CONNECTION),

    case("http2/7/1", "GOAWAY with an unknown code", goaway(0, 0xff), ping(NAME), pong_or_closed(NAME)),
    case("http2/7/2", "RST_STREAM with an unknown code", post(), rst_stream(1, 0xff), ping(), pong()),

    case("http2/8.1/1", "HEADERS after the body that do not end the stream", post(), data(1, b"test"),
         trailers(("x-test", "ok")), BAD_STREAM),
    case("http2/8.1.2/1", "a field name in upper case", request(1, "GET", "X-TEST: ok"), BAD_STREAM),
    case("http2/8.1.2.1/1", "an unknown pseudo-field", request(1, "GET", (":test", "ok")), BAD_STREAM),
    case("http2/8.1.2.1/2", "a pseudo-field of responses", request(1, "GET", (":status", "200")), BAD_STREAM),
    case("http2/8.1.2.1/3", "a pseudo-field in trailers", post(), data(1, b"test"), trailers((":method", "POST")), BAD_STREAM),
    case("http2/8.1.2.1/4", "pseudo-fields after others", request(change=lambda fields: [("x-test", "ok"), *fields]), BAD_STREAM),
    case("http2/8.1.2.2/1", "Connection", request(1, "GET", "connection: keep-alive"), BAD_STREAM),
    case("http2/8.1.2.2/2", "TE other than trailers", request(1, "GET", "trailers: test", "te: trailers, deflate"), BAD_STREAM),
    case("http2/8.1.2.3/1", "an empty :path", request(change=with_value(":path", "")), BAD_STREAM),
    case("http2/8.1.2.3/2", "no :method, no :scheme", request(change=without(":method", ":scheme")), BAD_STREAM),
    case("http2/8.1.2.3/3", "no :scheme", request(change=without(":scheme")), BAD_STREAM),
    case("http2/8.1.2.3/4", "no :path", request(change=without(":path")), BAD_STREAM),
    case("http2/8.1.2.3/5", ":method twice", request(change=again(":method", "GET")), BAD_STREAM),
    case("http2/8.1.2.3/6", ":scheme twice", request(change=again(":scheme", "http")), BAD_STREAM),
    case("http2/8.1.2.3/7", ":method twice, the second a path", request(change=again(":method", "/")), BAD_STREAM),
    case("http2/8.1.2.6/1", "a body longer than content-length", post("content-length: 1"), data(1, b"test", True), BAD_STREAM),
    case("http2/8.1.2.6/2", "a body in pieces longer than content-length", post("content-length: 1"), data(1, b"test"),
         data(1, b"test", True), BAD_STREAM),
    case("http2/8.2/1", "PUSH_PROMISE from a client", lambda peer: push_promise(1, 3, block()(peer)), BAD_CONNECTION),
]

