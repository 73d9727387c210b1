"""What a server has to accept and to answer; h2spec's "generic"."""

from cases_http2 import (acknowledged, answered, block, case, encoded, first, pong, pong_or_closed, request,
                         starts_with_settings, stream_closed)
from http2 import (END_STREAM, INDEXED, NEVER, PADDED, PLAIN, PREFACE, WINDOW, Code, Kind, continuation, data,
                   dependency, frame, goaway, headers, indexed, literal, ping, priority, rst_stream, settings,
                   table_size, window_update)

NAME = b"h2spec\0\0"


def split(stream, *cuts):
    """A request whose header block is cut at these places."""
    def sent(peer):
        whole = block()(peer)
        ends = [0, *cuts, len(whole)]
        pieces = [whole[a:b] for a, b in zip(ends, ends[1:])]
        return headers(stream, pieces[0], whole=False) + b"".join(
            continuation(stream, piece, number == len(pieces) - 1) for number, piece in enumerate(pieces[1:], 1))
    return sent


def literals():
    """Every way to write a field as a literal that h2spec knows; the name is always written out."""
    names = {"indexed": "user-agent", "new": "x-test"}
    ways = [(how, name, huffman) for how in (INDEXED, PLAIN, NEVER) for name in names for huffman in (True, False)]
    return [case(f"generic/5/{number}", f"a literal {how}, {name} name{', Huffman' if huffman else ''}",
                 request(suffix=literal(names[name], "h2spec", how, huffman)), answered())
            for number, (how, name, huffman) in enumerate(ways, 2)]


CASES = [
    case("generic/1/1", "the preface is answered with SETTINGS first", PREFACE, settings(initial_window_size=WINDOW),
         starts_with_settings, shake=False),

    case("generic/2/1", "PRIORITY on an idle stream", priority(1), ping(), pong()),
    case("generic/2/2", "WINDOW_UPDATE on a half-closed stream", settings(initial_window_size=0), request(),
         window_update(1, 1), first(Kind.DATA)),
    case("generic/2/3", "PRIORITY on a half-closed stream", settings(initial_window_size=0), request(), priority(1),
         window_update(1, 1), first(Kind.DATA)),
    case("generic/2/4", "RST_STREAM on a half-closed stream", request(), rst_stream(1), ping(), pong()),
    case("generic/2/5", "PRIORITY on a closed stream", request(), stream_closed, priority(1), ping(), pong()),

    case("generic/3.1/1", "DATA", request(1, "POST", end=False), data(1, b"test", True), answered()),
    case("generic/3.1/2", "DATA, twice", request(1, "POST", end=False), data(1, b"test"), data(1, b"test", True), answered()),
    case("generic/3.1/3", "DATA with padding that is not zero", request(1, "POST", end=False),
         frame(Kind.DATA, END_STREAM | PADDED, 1, b"\x06test" b"padded"), answered()),

    case("generic/3.2/1", "HEADERS", request(), answered()),
    case("generic/3.2/2", "HEADERS with padding", request(pad=8), answered()),
    case("generic/3.2/3", "HEADERS with priority", request(priority=dependency(0, 255)), answered()),

    case("generic/3.3/1", "PRIORITY with weight 1", priority(1, weight=0), request(), answered()),
    case("generic/3.3/2", "PRIORITY with weight 256", priority(1, weight=255), request(), answered()),
    case("generic/3.3/3", "PRIORITY with a dependency", priority(3, on=1, weight=0), request(), answered()),
    case("generic/3.3/4", "PRIORITY, exclusive", priority(1, weight=0, exclusive=True), request(), answered()),
    case("generic/3.3/5", "PRIORITY on an idle stream, HEADERS on a lower one", priority(3), request(), answered()),

    case("generic/3.4/1", "RST_STREAM", request(end=False), rst_stream(1), ping(), pong_or_closed()),
    case("generic/3.5/1", "SETTINGS", settings(
        header_table_size=4096, enable_push=1, max_concurrent_streams=100, initial_window_size=65535,
        max_frame_size=16384, max_header_list_size=100), acknowledged),
    case("generic/3.7/1", "PING", ping(NAME), pong(NAME)),
    case("generic/3.8/1", "GOAWAY", goaway(0, Code.NO_ERROR, b"h2spec"), ping(NAME), pong_or_closed(NAME)),
    case("generic/3.9/1", "WINDOW_UPDATE for the connection", window_update(0, 1), ping(), first(Kind.PING)),
    case("generic/3.9/2", "WINDOW_UPDATE for a stream", request(), window_update(1, 1), answered()),
    case("generic/3.10/1", "CONTINUATION", split(1, 5), answered()),
    case("generic/3.10/2", "CONTINUATION, twice", split(1, 5, 10), answered()),

    case("generic/4/1", "GET", request(), answered()),
    case("generic/4/2", "HEAD", request(1, "HEAD"), answered()),
    case("generic/4/3", "POST", request(1, "POST", end=False), data(1, b"test", True), answered()),
    case("generic/4/4", "POST with trailers", request(1, "POST", "trailer: x-test", end=False), data(1, b"test"),
         encoded(lambda b: headers(1, b), ("x-test", "ok")), answered()),

    case("generic/5/1", "an indexed field", request(suffix=indexed(58)), answered()),
    *literals(),
    case("generic/5/14", "a table size update", request(prefix=table_size(128)), answered()),
    case("generic/5/15", "two table size updates", request(prefix=table_size(128) + table_size(4096)), answered()),
]

