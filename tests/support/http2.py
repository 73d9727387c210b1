"""HTTP/2 towards Sluice, frame by frame: a writer that may say anything, and a strict reader.

    with Http2Client(sluice["h2c"]) as visitor:
        assert visitor.get("/x").status == 200
        stream = visitor.open(head("POST"), end=False)
        visitor.send(data(stream, b"hello"), window_update(0, 0))
        visitor.goaway(Code.PROTOCOL_ERROR)

Whatever RFC 9113 forbids a server to send raises Http2Error, as wire.py does for HTTP/1. Text is Latin-1, so that
every byte survives.
"""

import select
import socket
import ssl
import struct
import time
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum

from hpack import Decoder, Encoder, HPACKError
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

from client import connect, reset as reset_socket
from waiting import PATIENCE
from wire import TOKEN, VALUE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WINDOW = 65535
MAX_WINDOW = 2**31 - 1
MAX_FRAME = 16384
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}


class Kind(IntEnum):
    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Code(IntEnum):
    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class Setting(IntEnum):
    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6
    ENABLE_CONNECT_PROTOCOL = 8
    NO_RFC7540_PRIORITIES = 9


# Flags.
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITIZED = 0x20


class Http2Error(AssertionError):
    """The peer sent what no HTTP/2 server may send."""


class Silence(AssertionError):
    """Nothing came in time."""


class Ended(AssertionError):
    """The connection ended before what was waited for."""


# --- frames to send ------------------------------------------------------------------------------------------

def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """Any frame. `length` may lie; bit 31 of `stream` is the reserved one."""
    return struct.pack(">I", len(payload) if length is None else length)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def padded(payload, pad):
    return payload if pad is None else bytes([pad]) + payload + bytes(pad)


def dependency(on=0, weight=255, exclusive=False):
    """The five bytes of a priority; `weight` as on the wire, one less than meant."""
    return struct.pack(">IB", on | (exclusive << 31), weight)


def data(stream, payload=b"", end=False, pad=None):
    flags = (END_STREAM if end else 0) | (PADDED if pad is not None else 0)
    return frame(Kind.DATA, flags, stream, padded(payload, pad))


def headers(stream, block=b"", end=True, whole=True, pad=None, priority=None):
    """`block` is encoded; `priority` comes from dependency()."""
    flags = (END_STREAM if end else 0) | (END_HEADERS if whole else 0) | (PADDED if pad is not None else 0)
    if priority is not None:
        flags |= PRIORITIZED
    return frame(Kind.HEADERS, flags, stream, padded((priority or b"") + block, pad))


def continuation(stream, block=b"", whole=True):
    return frame(Kind.CONTINUATION, END_HEADERS if whole else 0, stream, block)


def in_frames(stream, block, end, **how):
    """HEADERS, and as many CONTINUATIONs as `block` needs."""
    size = MAX_FRAME - 300  # room for padding
    pieces = [block[i: i + size] for i in range(0, len(block), size)] or [b""]
    return [headers(stream, pieces[0], end, len(pieces) == 1, **how),
            *(continuation(stream, p, p is pieces[-1]) for p in pieces[1:])]


def priority(stream, on=0, weight=255, exclusive=False):
    return frame(Kind.PRIORITY, 0, stream, dependency(on, weight, exclusive))


def rst_stream(stream, code=Code.CANCEL):
    return frame(Kind.RST_STREAM, 0, stream, struct.pack(">I", code))


def settings(*pairs, **named):
    """settings((0xff, 1), initial_window_size=0): in this order."""
    pairs += tuple((Setting[name.upper()], value) for name, value in named.items())
    return frame(Kind.SETTINGS, 0, 0, b"".join(struct.pack(">HI", key, value) for key, value in pairs))


def settings_ack():
    return frame(Kind.SETTINGS, ACK)


def push_promise(stream, promised, block=b""):
    return frame(Kind.PUSH_PROMISE, END_HEADERS, stream, struct.pack(">I", promised) + block)


def ping(opaque=bytes(8), ack=False):
    return frame(Kind.PING, ACK if ack else 0, 0, opaque)


def goaway(last=0, code=Code.NO_ERROR, debug=b""):
    return frame(Kind.GOAWAY, 0, 0, struct.pack(">II", last, code) + debug)


def window_update(stream, increment):
    return frame(Kind.WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


# --- header blocks -------------------------------------------------------------------------------------------

PLAIN, INDEXED, NEVER = "without indexing", "with incremental indexing", "never indexed"
_HUFFMAN = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


def to_bytes(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def integer(value, bits, first=0):
    """RFC 7541 §5.1, after the bits `first`."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out = [first | most]
    value -= most
    while value >= 128:
        out.append(0x80 | (value & 0x7f))
        value >>= 7
    return bytes([*out, value])


def string(text, huffman=False):
    text = to_bytes(text)
    if huffman:
        text = _HUFFMAN.encode(text)
    return integer(len(text), 7, 0x80 if huffman else 0) + text


def indexed(index):
    return integer(index, 7, 0x80)


def literal(name, value, how=PLAIN, huffman=False):
    """`name` is text, or the index of an entry that has it."""
    bits, first = {PLAIN: (4, 0), INDEXED: (6, 0x40), NEVER: (4, 0x10)}[how]
    if isinstance(name, int):
        return integer(name, bits, first) + string(value, huffman)
    return bytes([first]) + string(name, huffman) + string(value, huffman)


def table_size(size):
    return integer(size, 5, 0x20)


def block(fields, how=PLAIN, huffman=False):
    """Fields as literals, without regard to any table; every byte is allowed everywhere."""
    return b"".join(literal(name, value, how, huffman) for name, value in fields)


def head(method="GET", path="/", *more, scheme="http", authority="app.test", protocol=None):
    """The fields of a request: pseudo-fields that are not None, then `more`: pairs, or "name: value"."""
    pseudo = [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path), (":protocol", protocol)]
    return [pair for pair in pseudo if pair[1] is not None] + as_fields(more)


def as_fields(lines):
    return [tuple(line.split(": ", 1)) if isinstance(line, str) else line for line in lines]


# --- what came -----------------------------------------------------------------------------------------------

@dataclass
class Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def ends_stream(self):
        return self.kind in (Kind.DATA, Kind.HEADERS) and bool(self.flags & END_STREAM)

    @property
    def is_ack(self):
        return bool(self.flags & ACK)

    @property
    def code(self):
        """Of RST_STREAM and GOAWAY."""
        number = struct.unpack_from(">I", self.payload, 0 if self.kind == Kind.RST_STREAM else 4)[0]
        return Code(number) if number in Code._value2member_map_ else number

    @property
    def last_stream(self):
        return struct.unpack_from(">I", self.payload)[0] & MAX_WINDOW

    @property
    def pairs(self):
        """Of SETTINGS."""
        return list(struct.iter_unpack(">HI", self.payload))

    def content(self):
        """The payload without padding and priority."""
        body, pad = self.payload, 0
        if self.kind in (Kind.DATA, Kind.HEADERS) and self.flags & PADDED:
            pad, body = body[0], body[1:]
            if pad > len(body):
                raise Http2Error(f"padding longer than its frame: {self}")
            body = body[: len(body) - pad]
        return body[5:] if self.kind == Kind.HEADERS and self.flags & PRIORITIZED else body

    def __str__(self):
        name = Kind(self.kind).name if self.kind in Kind._value2member_map_ else f"type {self.kind}"
        text = f"{name} on {self.stream}, flags {self.flags:#x}, {len(self.payload)} bytes"
        if self.kind in (Kind.RST_STREAM, Kind.GOAWAY):
            text += f", {self.code!r} {self.payload[8:]!r}" if self.kind == Kind.GOAWAY else f", {self.code!r}"
        elif self.kind == Kind.SETTINGS:
            text += f" {self.pairs}"
        return text


@dataclass
class Answer:
    """What came on one stream."""

    stream: int
    method: str = "GET"
    interim: list = field(default_factory=list)  # heads of 1xx, as lists of fields
    fields: list = None
    body: bytearray = field(default_factory=bytearray)
    trailers: list = None
    ended: bool = False  # with END_STREAM
    reset: int = None    # the code of RST_STREAM
    window: int = WINDOW       # what the server may still send
    send_window: int = WINDOW  # what we may still send

    @property
    def status(self):
        return int(self.fields[0][1]) if self.fields else None

    @property
    def over(self):
        return self.ended or self.reset is not None

    def all(self, name):
        return [value for key, value in self.fields or [] if key == name.lower()]

    def get(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    def __str__(self):
        end = "ended" if self.ended else "open" if self.reset is None else f"reset with {self.reset!r}"
        return f"stream {self.stream}: status {self.status}, {len(self.body)} bytes, {end}"


class Framed:
    """What both ends check of frames in general, and how they put header blocks together.

    Its owner has check(holds, found, complaint), a `decoder`, and take_block(stream, flags, fields, found).
    """

    half_block = None  # a header block that goes on: (stream, flags, bytes)

    def check_order(self, found):
        self.check(self.half_block is None or (found.kind == Kind.CONTINUATION and found.stream == self.half_block[0]), found,
                   "a header block was interrupted")
        of_connection = found.kind in (Kind.SETTINGS, Kind.PING, Kind.GOAWAY)
        self.check(not of_connection or found.stream == 0, found, "a frame of the connection on a stream")

    def take_headers(self, found):
        self.half_block = (found.stream, found.flags, found.content())
        self.end_block(found)

    def take_continuation(self, found):
        self.check(self.half_block is not None, found, "a CONTINUATION of nothing")
        if self.half_block is None:
            return
        stream, flags, start = self.half_block
        self.half_block = (stream, flags, start + found.payload)
        self.end_block(found)

    def end_block(self, found):
        if not found.flags & END_HEADERS:
            return
        stream, flags, encoded = self.half_block
        self.half_block = None
        fields = [(bytes(n).decode("latin-1"), bytes(v).decode("latin-1")) for n, v in self.decoder.decode(encoded, raw=True)]
        self.take_block(stream, flags, fields, found)


class Http2Client(Framed):
    """One connection. Use as a context manager.

    tls: an ssl.SSLContext that offers h2; server_name goes into SNI; session resumes an earlier one. shake=False:
    nothing is sent or read until the test does. replenish=False: windows are not opened again. strict=False: the
    reader forgives.
    """

    def __init__(self, address, tls=None, server_name=None, session=None, shake=True, strict=True, replenish=True, acknowledge=True,
                 announce=None, **socket_options):
        self.sock = connect(address, **socket_options)
        if tls:
            try:
                self.sock = tls.wrap_socket(self.sock, server_hostname=server_name, session=session)
                assert self.sock.selected_alpn_protocol() == "h2", f"ALPN gave {self.sock.selected_alpn_protocol()}"
            except BaseException:
                self.sock.close()
                raise
        self.scheme = "https" if tls else "http"
        self.strict = strict
        self.replenish = replenish
        self.acknowledge = acknowledge
        self.buffer = bytearray()
        self.frames = []
        self.ended = None  # None | "eof" | "reset"
        self.encoder = Encoder()
        self.decoder = Decoder(max_header_list_size=1 << 24)
        self.answers = {}
        self.next_stream = 1
        self.settings = {}      # the server's, by number
        self.unacknowledged = deque()  # SETTINGS of ours, oldest first
        self.initial_window = WINDOW  # for what the server sends
        self.window = WINDOW
        self.send_window = WINDOW
        self.last_goaway = None
        self.pings = 0
        if shake:
            self.shake_hands(**announce or {})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        reset_socket(self.sock)

    # --- sending ---------------------------------------------------------------------------------------------

    def send(self, *pieces):
        """Bytes as they are. DATA, one frame in a piece, is counted against the windows."""
        for piece in pieces:
            if piece[3:4] == b"\0" and int.from_bytes(piece[:3], "big") == len(piece) - 9:
                self.send_window -= len(piece) - 9
                answer = self.answers.get(int.from_bytes(piece[5:9], "big"))
                if answer is not None:
                    answer.send_window -= len(piece) - 9
        self.sock.sendall(b"".join(pieces))
        return self

    def try_send(self, *pieces):
        """Sends what the peer still wants; True if all of it went out."""
        try:
            self.send(*pieces)
            return True
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            return False

    def flood(self, *pieces, listen=True, stall=2.0):
        """Sends as fast as the peer takes it, and reads along, or not (`listen`); plain connections only.

        Returns how many bytes went out: all of them, or those until the connection ended or nothing moved for
        `stall` seconds.
        """
        rest = memoryview(b"".join(pieces))
        total = len(rest)
        self.sock.setblocking(False)
        try:
            while rest:
                readable, writable, _ = select.select([self.sock] if listen else [], [self.sock], [], stall)
                if readable:
                    try:
                        got = self.sock.recv(1 << 18)
                    except OSError:
                        got = b""
                    if not got:
                        break
                    self.buffer += got
                if writable:
                    try:
                        rest = rest[self.sock.send(rest[: 1 << 18]):]
                    except BlockingIOError:
                        pass
                    except OSError:
                        break
                if not readable and not writable:
                    break
        finally:
            self.sock.settimeout(PATIENCE)
        return total - len(rest)

    def half_close(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return self

    def announce(self, *pairs, **named):
        """SETTINGS that the reader knows about; they hold once acknowledged."""
        pairs += tuple((Setting[name.upper()], value) for name, value in named.items())
        self.unacknowledged.append(pairs)
        return self.send(settings(*pairs))

    def shake_hands(self, **announced):
        """Preface and SETTINGS; returns when both sides have each other's and know it."""
        self.send(PREFACE)
        self.announce(**announced)
        self.until(lambda: self.settings_seen and not self.unacknowledged, "both SETTINGS")
        return self

    @property
    def settings_seen(self):
        return any(f.kind == Kind.SETTINGS and not f.is_ack for f in self.frames[:8])

    def encode(self, fields):
        """A header block by the connection's compression context."""
        return self.encoder.encode([(to_bytes(n), to_bytes(v)) for n, v in fields])

    def expect(self, stream, method="GET"):
        """Says that `stream` is ours; open() does it by itself."""
        self.answers[stream] = Answer(stream, method, window=self.initial_window,
                                      send_window=self.settings.get(Setting.INITIAL_WINDOW_SIZE, WINDOW))
        self.next_stream = max(self.next_stream, stream + 2)
        return self.answers[stream]

    def open(self, fields, end=True, **how):
        """Sends HEADERS on a new stream; returns its number. `fields` may be an encoded block."""
        stream = self.next_stream
        method = next((v for n, v in fields if n == ":method"), "GET") if not isinstance(fields, bytes) else "GET"
        self.expect(stream, method)
        encoded = fields if isinstance(fields, bytes) else self.encode(fields)
        self.try_send(*in_frames(stream, encoded, end, **how))
        return stream

    def upload(self, stream, body, end=True, piece=MAX_FRAME):
        """Sends DATA as the windows allow; stops early if the stream is over."""
        answer, at = self.answers[stream], 0
        while at < len(body):
            self.until(lambda: answer.over or self.ended or min(answer.send_window, self.send_window) > 0,
                       f"a window for stream {stream}")
            if answer.over or self.ended:
                return at
            count = min(piece, answer.send_window, self.send_window, len(body) - at)
            if not self.try_send(data(stream, body[at: at + count], end and at + count == len(body))):
                return at
            at += count
        if end and not body:
            self.try_send(data(stream, b"", True))
        return at

    # --- a request and its answer ----------------------------------------------------------------------------

    def ask(self, fields, body=b"", trailers=None):
        """Sends a request and waits for its answer to be over."""
        bare = not body and trailers is None
        stream = self.open(fields, end=bare)
        if not bare:
            self.upload(stream, body, end=trailers is None)
        if trailers is not None:
            self.try_send(*in_frames(stream, self.encode(trailers), True))
        return self.answer(stream)

    def request(self, method, path="/", *more, body=b"", trailers=None, **pseudo):
        return self.ask(head(method, path, *more, **{"scheme": self.scheme, **pseudo}), body, trailers)

    def get(self, path="/", *more, **pseudo):
        return self.request("GET", path, *more, **pseudo)

    def answer(self, stream, patience=PATIENCE):
        """Waits until `stream` is over: ended, or reset."""
        found = self.answers[stream]
        self.until(lambda: found.over, f"the end of stream {stream}", patience)
        return found

    def status(self, stream, patience=PATIENCE):
        """Waits for the final head on `stream`, or its reset."""
        found = self.answers[stream]
        self.until(lambda: found.fields or found.over, f"the head on stream {stream}", patience)
        return found.status

    # --- what else may come ----------------------------------------------------------------------------------

    def until(self, happened, what, patience=PATIENCE):
        """Reads until `happened` returns something true, and returns that."""
        deadline = time.monotonic() + patience
        while not (result := happened()):
            if self.read(max(0.01, deadline - time.monotonic()), what) is None:
                if result := happened():
                    return result
                raise Ended(f"the connection ended ({self.ended}) before {what}; {self.story()}")
        return result

    def wait_frame(self, fits, what="a frame", patience=PATIENCE):
        """Waits for a frame not yet read that `fits`; None if the connection ends before."""
        deadline = time.monotonic() + patience
        while (found := self.read(max(0.01, deadline - time.monotonic()), what)) is not None:
            if fits(found):
                return found
        return None

    def sync(self):
        """Returns when the server has read everything sent so far, and has answered a PING."""
        self.pings += 1
        token = struct.pack(">8s", b"sync%04d" % self.pings)
        self.send(ping(token))
        self.until(lambda: any(f.kind == Kind.PING and f.is_ack and f.payload == token for f in self.frames[-64:]),
                   "the answer to a PING")
        return self

    def refused(self, stream, *codes):
        """Waits for RST_STREAM on `stream` with one of the codes, before any answer."""
        found = self.answer(stream)
        assert found.reset in codes, f"wanted a reset with {codes}, got {found}; {self.story()}"
        return found.reset

    def goaway(self, *codes):
        """Waits for GOAWAY with one of the codes and for the end of the connection; returns the frame.

        A GOAWAY with NO_ERROR before it is passed over, unless that is wanted.
        """
        self.until(lambda: self.last_goaway and (self.last_goaway.code in codes or self.last_goaway.code), f"GOAWAY {codes}")
        assert self.last_goaway.code in codes, f"wanted GOAWAY {codes}, got {self.last_goaway}"
        found = self.last_goaway
        self.rest()
        return found

    def ends(self, *codes):
        """Waits for the end of the connection, with or without a GOAWAY; its code, if any, must be one of these."""
        self.rest()
        code = self.last_goaway.code if self.last_goaway else None
        assert code is None or code in codes, f"wanted GOAWAY {codes} or none, got {self.last_goaway}"
        return code

    def rest(self, patience=PATIENCE):
        """Reads to the end of the connection; returns "eof" or "reset"."""
        deadline = time.monotonic() + patience
        while self.read(max(0.01, deadline - time.monotonic()), "the end of the connection") is not None:
            pass
        return self.ended

    def story(self):
        return "so far: " + ("; ".join(str(f) for f in self.frames[-12:]) or "nothing")

    # --- reading ---------------------------------------------------------------------------------------------

    def fill(self, patience, what):
        if self.ended:
            return False
        self.sock.settimeout(patience)
        try:
            piece = self.sock.recv(1 << 18)
        except socket.timeout:
            raise Silence(f"waited {patience:.0f} s in vain for {what}; {self.story()}") from None
        except OSError:  # a reset, a TLS alert, a socket closed under us
            piece, self.ended = b"", "reset"
        finally:
            if self.sock.fileno() >= 0:
                self.sock.settimeout(PATIENCE)
        if not piece:
            self.ended = self.ended or "eof"
            return False
        self.buffer += piece
        return True

    def read(self, patience=PATIENCE, what="a frame"):
        """The next frame, taken into account; None at the end of the connection."""
        deadline = time.monotonic() + patience
        while True:
            if len(self.buffer) >= 9:
                length = int.from_bytes(self.buffer[:3], "big")
                if self.strict and length > MAX_FRAME:
                    raise Http2Error(f"not a frame, or one of {length} bytes: {bytes(self.buffer[:200])!r}")
                if len(self.buffer) >= 9 + length:
                    break
            if not self.fill(max(0.01, deadline - time.monotonic()), what):
                return None
        kind, flags, stream = struct.unpack_from(">BBI", self.buffer, 3)
        found = Frame(kind, flags, stream & MAX_WINDOW, bytes(self.buffer[9: 9 + length]))
        del self.buffer[: 9 + length]
        if self.strict and not self.frames:
            self.check(kind == Kind.SETTINGS and not flags & ACK, found, "the first frame is no SETTINGS")
        self.frames.append(found)
        try:
            self.take(found)
        except (struct.error, IndexError, HPACKError, ValueError) as error:
            if self.strict:
                raise Http2Error(f"cannot be read: {found}: {error}") from None
        return found

    def check(self, holds, found, complaint):
        if self.strict and not holds:
            raise Http2Error(f"{complaint}: {found}; {self.story()}")

    def take(self, found):
        self.check_order(found)
        of_stream = found.kind in (Kind.DATA, Kind.HEADERS, Kind.PRIORITY, Kind.RST_STREAM, Kind.CONTINUATION)
        self.check(not of_stream or found.stream in self.answers, found, "a stream we never opened")
        self.check(found.kind != Kind.PUSH_PROMISE, found, "a push that nobody allowed")
        handler = {Kind.DATA: self.take_data, Kind.HEADERS: self.take_headers, Kind.CONTINUATION: self.take_continuation,
                   Kind.RST_STREAM: self.take_reset, Kind.SETTINGS: self.take_settings, Kind.PING: self.take_ping,
                   Kind.GOAWAY: self.take_goaway, Kind.WINDOW_UPDATE: self.take_window_update}.get(found.kind)
        if handler:
            handler(found)

    def take_settings(self, found):
        if found.is_ack:
            self.check(not found.payload and self.unacknowledged, found, "an acknowledgement for nothing")
            if self.unacknowledged:
                for key, value in self.unacknowledged.popleft():
                    if key == Setting.INITIAL_WINDOW_SIZE:
                        for answer in self.answers.values():
                            answer.window += value - self.initial_window
                        self.initial_window = value
                    elif key == Setting.HEADER_TABLE_SIZE:
                        self.decoder.max_allowed_table_size = value
            return
        self.check(len(found.payload) % 6 == 0, found, "broken SETTINGS")
        for key, value in found.pairs:
            self.check(key != Setting.ENABLE_PUSH or value == 0, found, "a server that wants to be pushed to")
            self.check(key != Setting.INITIAL_WINDOW_SIZE or value <= MAX_WINDOW, found, "a window too large")
            self.check(key != Setting.MAX_FRAME_SIZE or MAX_FRAME <= value < 1 << 24, found, "an illegal frame size")
            self.check(key != Setting.ENABLE_CONNECT_PROTOCOL or value <= 1, found, "an illegal value")
            if key == Setting.INITIAL_WINDOW_SIZE:
                for answer in self.answers.values():
                    answer.send_window += value - self.settings.get(key, WINDOW)
            if key == Setting.HEADER_TABLE_SIZE:
                self.encoder.header_table_size = min(value, 4096)
            self.settings[key] = value
        if self.acknowledge:
            self.try_send(settings_ack())

    def take_ping(self, found):
        self.check(len(found.payload) == 8, found, "a PING of the wrong size")
        if self.acknowledge and not found.is_ack:
            self.try_send(ping(found.payload, ack=True))

    def take_goaway(self, found):
        before = self.last_goaway
        self.check(before is None or found.last_stream <= before.last_stream, found, "a GOAWAY that takes another back")
        self.last_goaway = found

    def take_window_update(self, found):
        increment = struct.unpack(">I", found.payload)[0] & MAX_WINDOW
        self.check(increment > 0, found, "a WINDOW_UPDATE of nothing")
        if found.stream == 0:
            self.send_window += increment
            self.check(self.send_window <= MAX_WINDOW, found, "a window too large")
        else:
            self.check(found.stream in self.answers, found, "a stream we never opened")
            if found.stream in self.answers:
                self.answers[found.stream].send_window += increment

    def take_reset(self, found):
        answer = self.answers.get(found.stream)
        if answer is None:
            return
        self.check(len(found.payload) == 4, found, "a RST_STREAM of the wrong size")
        self.check(answer.reset is None, found, "a second RST_STREAM")
        answer.reset = found.code

    def take_data(self, found):
        size = len(found.payload)
        self.window -= size
        self.check(self.window >= 0, found, "more than the connection's window")
        answer = self.answers.get(found.stream)
        if answer is not None:
            answer.window -= size
            self.check(size == 0 or answer.window >= 0, found, "more than the stream's window")
            self.check(not answer.over and answer.trailers is None, found, "DATA on a stream that is over")
            self.check(answer.fields is not None, found, "DATA before a head")
            answer.body += found.content()
            if found.ends_stream:
                self.finish(answer, found)
        if self.replenish:
            if self.window < WINDOW // 2:
                self.try_send(window_update(0, WINDOW - self.window))
                self.window = WINDOW
            if answer is not None and not answer.over and answer.window < WINDOW // 2:
                self.try_send(window_update(found.stream, WINDOW - answer.window))
                answer.window = WINDOW

    def take_block(self, stream, flags, fields, found):
        answer = self.answers.get(stream)
        if answer is None:
            return
        self.check(not answer.over, found, "HEADERS on a stream that is over")
        ends = bool(flags & END_STREAM)
        if answer.fields is not None:
            self.check(ends, found, "trailers that do not end the stream")
            self.check_fields(fields, found)
            answer.trailers = fields
        else:
            self.check(fields and fields[0][0] == ":status" and len(fields[0][1]) == 3 and fields[0][1].isdigit(), found,
                       f"no status: {fields[:3]}")
            self.check_fields(fields[1:], found)
            if fields[0][1].startswith("1"):
                self.check(not ends and fields[0][1] != "101", found, f"an odd interim answer: {fields[0]}")
                answer.interim.append(fields)
                return
            answer.fields = fields
        if ends:
            self.finish(answer, found)

    def check_fields(self, fields, found):
        for name, value in fields:
            self.check(TOKEN.match(name.encode("latin-1")) and name == name.lower(), found, f"the field name {name!r}")
            self.check(VALUE.match(value.encode("latin-1")) and value == value.strip(" \t"), found, f"the value {value!r} of {name}")
            self.check(name not in HOP_BY_HOP, found, f"the field {name}")

    def finish(self, answer, found):
        """The stream ended; then its length must be what was said."""
        answer.ended = True
        said = answer.all("content-length")
        bare = answer.method == "HEAD" or answer.status in (204, 304)
        self.check(not bare or not answer.body, found, f"a body where none may be: {bytes(answer.body[:100])!r}")
        self.check(answer.status != 204 or not said, found, "204 with a Content-Length")
        self.check(len(said) <= 1, found, f"content lengths {said}")
        if said and not bare:
            self.check(said[0] == str(len(answer.body)), found, f"{len(answer.body)} bytes instead of {said[0]}, and a clean end")
