"""A strict reader of HTTP/1 messages, shared by the test client and the scripted upstream.

It repairs nothing: whatever RFC 9112 does not allow on the wire raises WireError, and a message that ends
before its framing says so raises Incomplete. Sluice has to please it in both directions.
"""

import re
import socket
from dataclasses import dataclass, field

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)\Z")
REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP/1\.([01])\Z")
CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}\Z")
MAX_LINE = 8 << 20


class WireError(AssertionError):
    """The peer sent what no HTTP/1 message may contain."""


class Incomplete(AssertionError):
    """The connection ended inside a message. `how` is "eof" or "reset", `partial` the body bytes so far."""

    def __init__(self, where, how, partial=b""):
        super().__init__(f"connection ended ({how}) {where}")
        self.how = how
        self.partial = partial


class Nothing(Incomplete):
    """The connection ended before the first byte of a message."""


@dataclass
class Message:
    """A head, and what followed it. Text is Latin-1, so that every byte survives."""

    start_line: str
    fields: list
    raw_head: bytes = b""
    body: bytes = b""
    trailers: list = field(default_factory=list)
    framing: str = "none"  # none | length | chunked | close
    chunks: list = field(default_factory=list)

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    def tokens(self, name):
        """The members of a comma separated field, in lower case."""
        return [t.strip().lower() for v in self.all(name) for t in v.split(",") if t.strip()]


@dataclass
class Response(Message):
    status: int = 0
    reason: str = ""
    version: str = ""

    @property
    def keeps_alive(self):
        if self.version == "1.0":
            return "keep-alive" in self.tokens("Connection")
        return "close" not in self.tokens("Connection")


@dataclass
class Request(Message):
    method: str = ""
    target: str = ""
    version: str = ""
    complete: bool = False

    @property
    def path(self):
        return self.target.split("?", 1)[0]


class Wire:
    """Buffered, strict reading from a socket. Keeps every byte that ever arrived in `seen`."""

    def __init__(self, sock, keep=True):
        self.sock = sock
        self.buffer = bytearray()
        self.seen = bytearray()
        self.keep = keep
        self.head_bytes = bytearray()
        self.count = 0
        self.ended = None  # None | "eof" | "reset"

    def fill(self, size=65536):
        """Reads more; False at the end of the connection."""
        if self.ended:
            return False
        try:
            data = self.sock.recv(size)
        except (ConnectionResetError, BrokenPipeError):
            data, self.ended = b"", "reset"
        except socket.timeout:
            raise AssertionError(f"nothing came for {self.sock.gettimeout():.0f} s; "
                                 f"unread so far: {bytes(self.buffer[:200])!r}") from None
        except OSError:  # a TLS alert, a socket closed under us
            data, self.ended = b"", "reset"
        if not data:
            self.ended = self.ended or "eof"
            return False
        self.buffer += data
        self.count += len(data)
        if self.keep:
            self.seen += data
        return True

    def line(self, where):
        start = 0
        while True:
            end = self.buffer.find(b"\n", start)
            if end >= 0:
                break
            start = len(self.buffer)
            if start > MAX_LINE:
                raise WireError(f"endless line {where}")
            if not self.fill():
                raise Incomplete(where, self.ended, bytes(self.buffer))
        line = bytes(self.buffer[: end + 1])
        del self.buffer[: end + 1]
        self.head_bytes += line
        if not line.endswith(b"\r\n"):
            raise WireError(f"bare LF {where}: {line!r}")
        line = line[:-2]
        if b"\r" in line or b"\0" in line:
            raise WireError(f"bare CR or NUL {where}: {line!r}")
        return line

    def exactly(self, count, where):
        while len(self.buffer) < count:
            if not self.fill(max(65536, count - len(self.buffer))):
                raise Incomplete(where, self.ended, bytes(self.buffer))
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def to_the_end(self):
        while self.fill():
            pass
        data = bytes(self.buffer)
        self.buffer.clear()
        return data

    def field_lines(self, where):
        fields = []
        while True:
            line = self.line(where)
            if not line:
                return fields
            name, colon, value = line.partition(b":")
            if not colon or not TOKEN.match(name):
                raise WireError(f"not a field line {where}: {line!r}")
            if not VALUE.match(value):
                raise WireError(f"control byte in a value {where}: {line!r}")
            fields.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))

    def head(self, kind):
        """Start line and fields; the line is matched against `kind`."""
        if not self.buffer and not self.fill():
            raise Nothing(f"before any {kind}", self.ended)
        self.head_bytes = bytearray()
        line = self.line(f"in the first line of a {kind}")
        match = (STATUS_LINE if kind == "response" else REQUEST_LINE).match(line)
        if not match:
            raise WireError(f"not the first line of a {kind}: {line!r}")
        fields = self.field_lines(f"in the fields of a {kind}")
        return match, line.decode("latin-1"), fields, bytes(self.head_bytes)

    # --- framing -----------------------------------------------------------------------------------------

    def framing(self, message, otherwise):
        """(kind, length) after RFC 9112 §6.3, without any of its repairs."""
        codings, lengths = message.all("Transfer-Encoding"), message.all("Content-Length")
        if codings and lengths:
            raise WireError(f"both framings: {message.fields}")
        if codings:
            if [c.lower() for c in codings] != ["chunked"]:
                raise WireError(f"transfer codings {codings}")
            return "chunked", None
        if lengths:
            if len(lengths) != 1 or not re.match(r"(0|[1-9][0-9]{0,17})\Z", lengths[0]):
                raise WireError(f"content lengths {lengths}")
            return "length", int(lengths[0])
        return otherwise, None

    def body(self, message, kind, length, sink=None):
        """Reads the body into message.body, or hands the pieces to `sink`."""
        message.framing = kind
        pieces = []
        give = sink or pieces.append
        try:
            if kind == "length":
                left = length
                while left:
                    piece = self.some(left, "inside a body with Content-Length")
                    left -= len(piece)
                    give(piece)
            elif kind == "chunked":
                self.chunked(message, give)
            elif kind == "close":
                while True:
                    if self.buffer:
                        give(bytes(self.buffer))
                        self.buffer.clear()
                    if not self.fill():
                        break
                if self.ended == "reset":
                    raise Incomplete("inside a close-delimited body", "reset")
        except Incomplete as error:
            message.body = error.partial = b"".join(pieces)
            raise
        message.body = b"".join(pieces)

    def some(self, most, where):
        if not self.buffer and not self.fill():
            raise Incomplete(where, self.ended)
        data = bytes(self.buffer[:most])
        del self.buffer[:most]
        return data

    def chunked(self, message, give):
        while True:
            line = self.line("in a chunk size")
            if not CHUNK_SIZE.match(line):
                raise WireError(f"chunk size line {line!r}")
            left = int(line, 16)
            message.chunks.append(left)
            if left == 0:
                message.trailers = self.field_lines("in the trailers")
                return
            while left:
                piece = self.some(left, "inside a chunk")
                left -= len(piece)
                give(piece)
            if self.exactly(2, "after a chunk") != b"\r\n":
                raise WireError("chunk data not followed by CRLF")

    # --- whole messages ----------------------------------------------------------------------------------

    def response(self, to="GET", sink=None):
        match, line, fields, raw = self.head("response")
        found = Response(line, fields, raw, status=int(match[2]), reason=match[3].decode("latin-1"),
                         version=f"1.{match[1].decode()}")
        kind, length = self.framing(found, "close")
        if found.status < 200 or found.status in (204, 304) or to == "HEAD":
            if found.status < 200 or found.status == 204:
                if found.all("Content-Length") or found.all("Transfer-Encoding"):
                    raise WireError(f"{found.status} with body framing: {fields}")
            kind, length = "none", None
        if kind == "chunked" and found.version == "1.0":
            raise WireError("chunked in an HTTP/1.0 response")
        self.body(found, kind, length, sink)
        return found

    def request_head(self):
        match, line, fields, raw = self.head("request")
        return Request(line, fields, raw, method=match[1].decode(), target=match[2].decode("latin-1"),
                       version=f"1.{match[3].decode()}")

    def request_body(self, request, sink=None):
        kind, length = self.framing(request, "none")
        self.body(request, kind, length, sink)
        request.complete = True


def chunks(*pieces, trailers=""):
    """`pieces` as a chunked body."""
    out = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces if p)
    return out + b"0\r\n" + trailers.encode("latin-1") + b"\r\n"
