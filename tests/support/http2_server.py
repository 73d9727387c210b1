"""The fake application that speaks HTTP/2, frame by frame: does what the test tells it, and reads strictly.

    app = Http2Upstream()
    app.play("/slow", lambda v: (v.body(), gate.wait(PATIENCE), v.reply(body=b"at last")))
    app.play("/evil", lambda v: v.send(headers(v.stream, block([("X-Upper", "1")]))))

A script is called once for each request, with a Visit, in a thread of its own, as soon as the request's head is
here. Without a script the body is read and answered with 200 and a short text. Whatever RFC 9113 forbids a client
to send becomes one of the `complaints`, and ends the connection. Text is Latin-1, so that every byte survives.
"""

import select
import socket
import ssl
import struct
import threading

from hpack import Decoder, Encoder, HPACKError

from application import FakeApplication
from http2 import (END_STREAM, HOP_BY_HOP, MAX_FRAME, MAX_WINDOW, PREFACE, WINDOW, Code, Frame, Framed, Http2Error, Kind,
                   Setting, as_fields, data, goaway, headers, ping, rst_stream, settings, settings_ack, to_bytes, window_update)
from waiting import PATIENCE
from wire import TOKEN, VALUE

PSEUDO = {":method", ":scheme", ":authority", ":path", ":protocol"}


class Gone(Exception):
    """The stream or the connection ended before what a script waited for."""


class Guarded:
    """A socket that one thread may read while others write; under TLS that needs a lock."""

    def __init__(self, sock):
        self.sock = sock
        self.lock = threading.Lock()
        self.bell, self.rope = socket.socketpair()
        sock.setblocking(False)

    def close(self):
        """Whoever waits stops waiting first: the kernel keeps a socket open as long as somebody does."""
        self.rope.close()
        with self.lock:
            self.sock.close()

    def recv(self, size=1 << 17, patience=PATIENCE * 2):
        """At least a byte; b"" at the end."""
        while True:
            try:
                with self.lock:
                    return self.sock.recv(size)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                if not self.ready(read=True, patience=patience):
                    raise TimeoutError(f"Sluice said nothing for {patience:.0f} s") from None

    def sendall(self, piece):
        rest = memoryview(piece)
        while rest:
            try:
                with self.lock:
                    rest = rest[self.sock.send(rest):]
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                if not self.ready(read=False, patience=PATIENCE):
                    raise TimeoutError("Sluice read nothing") from None

    def ready(self, read, patience):
        watched = [self.sock]
        readable, writable, _ = select.select([self.bell, *(watched if read else [])], [] if read else watched, [], patience)
        if self.bell in readable:
            raise OSError("closed")
        return bool(readable or writable)


class Request:
    def __init__(self, fields):
        self.fields = fields
        self.body = bytearray()
        self.trailers = None
        self.complete = False

    def all(self, name):
        return [value for key, value in self.fields if key == name.lower()]

    def get(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    @property
    def method(self):
        return self.get(":method")

    @property
    def path(self):
        return self.get(":path").split("?", 1)[0]


class Visit:
    """One request as the application sees it, and the stream it came on."""

    def __init__(self, connection, stream, request):
        self.upstream = connection.upstream
        self.connection = connection
        self.stream = stream
        self.request = request
        self.reset_by = None  # the code of Sluice's RST_STREAM
        self.reset_sent = False
        self.answered = False  # with END_STREAM
        self.window = connection.peer_settings.get(Setting.INITIAL_WINDOW_SIZE, WINDOW)
        self.allowed = connection.initial_window
        self.done = False

    @property
    def over(self):
        return self.reset_by is not None or self.reset_sent or (self.answered and self.request.complete)

    # --- the request -----------------------------------------------------------------------------------------

    def body(self, count=None):
        """Waits for the whole body, or for its first `count` bytes."""
        request = self.request
        self.connection.wait(lambda: request.complete or (count is not None and len(request.body) >= count), self)
        return bytes(request.body)

    def allow(self, count, connection=True):
        """Lets Sluice send more on this stream; for servers that do not `replenish`."""
        with self.connection.changed:
            self.allowed += count
            self.connection.allowed += count if connection else 0
        self.send(*([window_update(0, count)] if connection else []), window_update(self.stream, count))

    # --- the answer ------------------------------------------------------------------------------------------

    def send(self, *pieces):
        """Bytes as they are."""
        self.connection.send(*pieces)
        return self

    def head(self, status, *fields, end=False):
        self.answered = self.answered or end  # before the last frame is out: the next stream may follow at once
        with self.connection.writing:
            self.connection.send(headers(self.stream, self.connection.encode([(":status", str(status)), *as_fields(fields)]), end))

    def data(self, payload, end=False, piece=MAX_FRAME):
        """DATA, as the windows allow."""
        at = 0
        while at < len(payload):
            count = self.connection.take_window(self, min(piece, len(payload) - at))
            self.answered = self.answered or (end and at + count == len(payload))
            self.send(data(self.stream, payload[at: at + count], end and at + count == len(payload)))
            at += count
        if end and not payload:
            self.answered = True
            self.send(data(self.stream, b"", True))

    def trailers(self, *fields):
        self.answered = True
        with self.connection.writing:
            self.connection.send(headers(self.stream, self.connection.encode(as_fields(fields)), True))

    def reply(self, status=200, *fields, body=b"", trailers=None, length=True):
        if length and self.request.method != "HEAD" and status not in (204, 304):
            fields = (*fields, f"content-length: {len(body)}")
        self.head(status, *fields, end=not body and trailers is None)
        if body:
            self.data(body, end=trailers is None)
        if trailers is not None:
            self.trailers(*trailers)

    def reset(self, code=Code.INTERNAL_ERROR):
        self.reset_sent = True
        self.send(rst_stream(self.stream, code))

    def wait_reset(self):
        """Waits until Sluice gives the stream up; returns the code, or None if the connection ended."""
        self.connection.wait(lambda: self.reset_by is not None or self.connection.ended, None)
        return self.reset_by


class Connection(Framed):
    def __init__(self, upstream, sock, number):
        self.upstream = upstream
        self.raw = sock
        self.sock = None
        self.number = number
        self.alpn = None
        self.buffer = bytearray()
        self.frames = []
        self.visits = {}
        self.ended = False   # Sluice's side, or ours
        self.closed = False  # by us
        self.changed = threading.Condition(threading.RLock())
        self.writing = threading.RLock()  # a header block must go out in the order in which it was encoded
        self.encoder = Encoder()
        self.decoder = Decoder(max_header_list_size=1 << 24)
        self.peer_settings = {}
        self.unacknowledged = []
        self.initial_window = WINDOW
        self.streams_allowed = None  # once acknowledged
        self.window = WINDOW
        self.allowed = WINDOW
        self.last_stream = 0
        self.most_open = 0
        self.peer_goaway = None
        self.thread = threading.Thread(target=self.run, name=f"h2 upstream connection {number}", daemon=True)

    # --- sending ---------------------------------------------------------------------------------------------

    def send(self, *pieces):
        try:
            with self.writing:
                self.sock.sendall(b"".join(pieces))
        except (OSError, ValueError) as error:
            raise Gone(f"Sluice closed the connection: {error}") from None

    def encode(self, fields):
        return self.encoder.encode([(to_bytes(n), to_bytes(v)) for n, v in fields])

    def announce(self, *pairs, **named):
        """SETTINGS that the reader knows about; they hold once acknowledged."""
        pairs += tuple((Setting[name.upper()], value) for name, value in named.items())
        with self.changed:
            self.unacknowledged.append(pairs)
        self.send(settings(*pairs))

    def goaway(self, last=None, code=Code.NO_ERROR, debug=b""):
        self.send(goaway(self.last_stream if last is None else last, code, debug))

    def take_window(self, visit, most):
        """How many bytes may go out on the stream now; waits for the first."""
        self.wait(lambda: min(visit.window, self.window) > 0, visit)
        with self.changed:
            count = min(most, visit.window, self.window)
            visit.window -= count
            self.window -= count
            self.changed.notify_all()
        return count

    def close(self):
        if not self.closed:
            try:
                self.raw.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.abandon()

    def reset(self):
        """With RST instead of FIN."""
        try:
            self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass  # somebody else closed it
        self.abandon()

    def abandon(self):
        self.closed = self.ended = True
        if self.sock:
            self.sock.close()
        self.raw.close()
        with self.changed:
            self.changed.notify_all()

    # --- waiting ---------------------------------------------------------------------------------------------

    def wait(self, happened, visit, what="what a script waits for"):
        """Gone when the stream of `visit`, if given, is lost before."""
        with self.changed:
            lost = lambda: visit is not None and (visit.reset_by is not None or self.ended)  # noqa: E731
            assert self.changed.wait_for(lambda: happened() or lost(), PATIENCE), f"{self.upstream.name} waited in vain for {what}"
            if not happened():
                raise Gone(f"the stream was lost: {visit.reset_by}")

    def wait_frame(self, fits, what="a frame"):
        """A frame that fits, also one that came before; None if the connection ends without."""
        def found():
            return next((f for f in self.frames if fits(f)), None)
        self.wait(lambda: found() is not None or self.ended, None, what)
        return found()

    def wait_end(self):
        self.wait(lambda: self.ended, None, "Sluice to close")

    @property
    def open_streams(self):
        return [v for v in self.visits.values() if not v.over]

    # --- reading ---------------------------------------------------------------------------------------------

    def run(self):
        try:
            self.sock = Guarded(self.raw if self.upstream.tls is None else self.shake_hands_tls())
            if self.upstream.on_connect:
                self.upstream.on_connect(self)
            else:
                self.start()
            while not self.closed and self.read():
                pass
        except Http2Error as error:
            self.complain(f"Sluice sent what it must not: {error}")
        except HPACKError as error:
            self.complain(f"Sluice sent a header block that cannot be read: {error}")
        except (OSError, Gone, ValueError, TimeoutError):
            pass
        finally:
            self.close()

    def shake_hands_tls(self):
        self.raw.settimeout(PATIENCE)
        self.raw = self.upstream.tls.wrap_socket(self.raw, server_side=True)
        self.alpn = self.raw.selected_alpn_protocol()
        return self.raw

    def start(self):
        """Our SETTINGS, and Sluice's preface."""
        self.announce(*self.upstream.announced)
        self.read_preface()

    def complain(self, complaint):
        if not self.upstream.stopping:
            self.upstream.complaints.append(f"{complaint}; so far: {'; '.join(map(str, self.frames[-8:]))}")
        try:
            self.goaway(code=Code.PROTOCOL_ERROR)
        except Gone:
            pass

    def fill(self):
        try:
            piece = self.sock.recv()
        except (OSError, ValueError):
            piece = b""
        if not piece:
            with self.changed:
                self.ended = True
                self.changed.notify_all()
            return False
        self.buffer += piece
        return True

    def read_preface(self):
        while len(self.buffer) < len(PREFACE):
            if not self.fill():
                raise Gone("no preface")
        if not self.buffer.startswith(PREFACE):
            raise Http2Error(f"no preface: {bytes(self.buffer[:100])!r}")
        del self.buffer[: len(PREFACE)]

    def read(self):
        """Takes one frame; False at the end of the connection."""
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            if not self.fill():
                return False
        length = int.from_bytes(self.buffer[:3], "big")
        kind, flags, stream = struct.unpack_from(">BBI", self.buffer, 3)
        found = Frame(kind, flags, stream & MAX_WINDOW, bytes(self.buffer[9: 9 + length]))
        del self.buffer[: 9 + length]
        with self.changed:
            self.check(length <= MAX_FRAME, found, "a frame too large")
            self.check(self.frames or (kind == Kind.SETTINGS and not found.is_ack), found, "the first frame is no SETTINGS")
            self.frames.append(found)
            self.take(found)
            self.changed.notify_all()
        return True

    def check(self, holds, found, complaint):
        if not holds and not self.upstream.forgiving:
            raise Http2Error(f"{complaint}: {found}")

    def take(self, found):
        self.check_order(found)
        self.check(found.kind != Kind.PUSH_PROMISE, found, "a push by a client")
        if found.kind in (Kind.DATA, Kind.RST_STREAM) or (found.kind == Kind.WINDOW_UPDATE and found.stream):
            self.check(found.stream in self.visits, found, "a stream that is idle")
        handler = {Kind.DATA: self.take_data, Kind.HEADERS: self.take_headers, Kind.CONTINUATION: self.take_continuation,
                   Kind.RST_STREAM: self.take_reset, Kind.SETTINGS: self.take_settings, Kind.PING: self.take_ping,
                   Kind.GOAWAY: self.take_goaway, Kind.WINDOW_UPDATE: self.take_window_update}.get(found.kind)
        self.check(handler, found, "a frame that nobody asked for")
        if handler:
            handler(found)

    def take_settings(self, found):
        if found.is_ack:
            self.check(not found.payload and self.unacknowledged, found, "an acknowledgement for nothing")
            for key, value in self.unacknowledged.pop(0) if self.unacknowledged else ():
                if key == Setting.INITIAL_WINDOW_SIZE:
                    for visit in self.visits.values():
                        visit.allowed += value - self.initial_window
                    self.initial_window = value
                elif key == Setting.MAX_CONCURRENT_STREAMS:
                    self.streams_allowed = value
                elif key == Setting.HEADER_TABLE_SIZE:
                    self.decoder.max_allowed_table_size = value
            return
        for key, value in found.pairs:
            self.check(key != Setting.ENABLE_PUSH or value == 0, found, "Sluice wants to be pushed to")
            self.check(key != Setting.INITIAL_WINDOW_SIZE or value <= MAX_WINDOW, found, "a window too large")
            self.check(key != Setting.ENABLE_CONNECT_PROTOCOL, found, "a setting for servers")
            if key == Setting.INITIAL_WINDOW_SIZE:
                for visit in self.visits.values():
                    visit.window += value - self.peer_settings.get(key, WINDOW)
            self.peer_settings[key] = value
        self.send(settings_ack())

    def take_ping(self, found):
        self.check(len(found.payload) == 8, found, "a PING of the wrong size")
        if not found.is_ack and self.upstream.answers_pings:
            self.send(ping(found.payload, ack=True))

    def take_goaway(self, found):
        self.peer_goaway = found

    def take_window_update(self, found):
        increment = struct.unpack(">I", found.payload)[0] & MAX_WINDOW
        self.check(increment > 0, found, "a WINDOW_UPDATE of nothing")
        if found.stream == 0:
            self.window += increment
        elif found.stream in self.visits:
            self.visits[found.stream].window += increment

    def take_reset(self, found):
        visit = self.visits.get(found.stream)
        if visit is not None:
            self.check(visit.reset_by is None, found, "a second RST_STREAM")
            visit.reset_by = found.code

    def take_data(self, found):
        size = len(found.payload)
        self.allowed -= size
        self.check(self.allowed >= 0, found, "more than the connection's window")
        visit = self.visits.get(found.stream)
        if visit is None:
            return
        visit.allowed -= size
        self.check(size == 0 or visit.allowed >= 0, found, "more than the stream's window")
        self.check(not visit.request.complete and visit.reset_by is None, found, "DATA on a stream that is over")
        self.check(visit.request.trailers is None, found, "DATA after trailers")
        visit.request.body += found.content()
        if found.ends_stream:
            self.finish(visit, found)
        if self.upstream.replenish and size:
            pieces = [window_update(0, size)]
            self.allowed += size
            if not visit.request.complete and not visit.reset_sent:
                pieces.append(window_update(found.stream, size))
                visit.allowed += size
            self.send(*pieces)

    def take_block(self, stream, flags, fields, found):
        known = self.visits.get(stream)
        if known is not None:
            self.check(not known.request.complete and known.reset_by is None, found, "HEADERS on a stream that is over")
            self.check(flags & END_STREAM, found, "trailers that do not end the stream")
            self.check(not any(n.startswith(":") for n, _ in fields), found, f"pseudo-fields in trailers: {fields}")
            self.check_fields(fields, found)
            known.request.trailers = fields
            return self.finish(known, found)
        self.check(stream % 2 == 1 and stream > self.last_stream, found, "a stream number that cannot be")
        self.last_stream = stream
        self.check_head(fields, found)
        visit = self.visits[stream] = Visit(self, stream, Request(fields))
        if flags & END_STREAM:
            self.finish(visit, found)
        count = len(self.open_streams)
        self.most_open = max(self.most_open, count)
        self.check(self.streams_allowed is None or count <= self.streams_allowed, found, f"stream number {count} at a time")
        self.upstream.visit(visit)

    def check_head(self, fields, found):
        pseudo = [n for n, _ in fields if n.startswith(":")]
        self.check([n for n, _ in fields[: len(pseudo)]] == pseudo, found, f"pseudo-fields after others: {fields}")
        self.check(len(set(pseudo)) == len(pseudo) and set(pseudo) <= PSEUDO, found, f"the pseudo-fields {pseudo}")
        values = dict(fields)
        self.check({":method", ":scheme", ":path"} <= set(pseudo) and all(values[n] for n in pseudo), found, f"fields missing: {fields}")
        self.check(values[":scheme"] == ("http" if self.upstream.tls is None else "https"), found, f"the scheme {values[':scheme']}")
        self.check(":protocol" not in values or values[":method"] == "CONNECT", found, "a :protocol without CONNECT")
        self.check_fields(fields[len(pseudo):], found)
        self.check(all(v == "trailers" for n, v in fields if n == "te"), found, "TE other than trailers")

    def check_fields(self, fields, found):
        for name, value in fields:
            self.check(TOKEN.match(name.encode("latin-1")) and name == name.lower(), found, f"the field name {name!r}")
            self.check(VALUE.match(value.encode("latin-1")) and value == value.strip(" \t"), found, f"the value {value!r} of {name}")
            self.check(name not in HOP_BY_HOP and name != "host", found, f"the field {name}")

    def finish(self, visit, found):
        request = visit.request
        said = request.all("content-length")
        self.check(len(said) <= 1, found, f"content lengths {said}")
        if said:
            self.check(said[0] == str(len(request.body)), found, f"{len(request.body)} bytes instead of {said[0]}, and a clean end")
        request.complete = True


def hello(visit):
    visit.body()
    visit.reply(body=f"hello from {visit.upstream.name}".encode())


class Http2Upstream(FakeApplication):
    """Listens at once. tls: an ssl.SSLContext; announce: pairs or a dict of settings.

    on_connect(connection) replaces the greeting; it may call connection.start() to go on as usual. replenish=False:
    windows are opened by the scripts. forgiving: nothing that Sluice sends is complained about.
    """

    def __init__(self, default=hello, name="app", tls=None, announce=(), on_connect=None, replenish=True, forgiving=False,
                 answers_pings=True):
        self.tls = tls
        self.announced = tuple((Setting[k.upper()], v) for k, v in announce.items()) if isinstance(announce, dict) else tuple(announce)
        self.on_connect = on_connect
        self.replenish = replenish
        self.forgiving = forgiving
        self.answers_pings = answers_pings
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        super().__init__(name, listener, default)
        self.thread.start()

    def play(self, path, script):
        self.scripts[path] = script

    def connected(self, sock, peer):
        return Connection(self, sock, len(self.connections))

    def visit(self, visit):
        self.arrived(visit)
        threading.Thread(target=self.play_script, args=(visit,), daemon=True).start()

    def play_script(self, visit):
        try:
            self.run_script(visit)
        except Gone:
            pass
        except AssertionError as error:
            self.complain_of_script(error)
        finally:
            self.left(visit)


def server_tls(leaf, alpn=("h2",)):
    """An SSLContext for a server with the certificate `leaf`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf.cert, leaf.key)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context
