"""How the tables of HTTP/2 conformance cases are written down: steps, one after the other.

The cases are those of h2spec 2.6 (github.com/summerwind/h2spec), by its numbers and with its rules for what is
acceptable, in words of our own. They follow RFC 7540, and RFC 9113 where that says nothing else.
"""

from dataclasses import dataclass

from http2 import Code, Kind, headers, head

LONG = "x" * 4000  # a value of the length that the numbers were chosen for


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    steps: tuple  # bytes are sent; what is callable gets the connection, and may return bytes to send
    shake: bool

    def __str__(self):
        return self.name


def case(name, title, *steps, shake=True):
    return Case(name, title, steps, shake)


# --- steps that send -----------------------------------------------------------------------------------------

def block(method="GET", *more, change=None):
    """The encoded fields of a request for /, as a step or as part of one. `change` gets the fields."""
    def encoded(peer):
        fields = head(method, "/", *more)
        return peer.encode(change(fields) if change else fields)
    return encoded


def request(stream=1, method="GET", *more, change=None, prefix=b"", suffix=b"", **flags):
    """HEADERS for /. prefix and suffix go around the encoded fields."""
    def sent(peer):
        return headers(stream, prefix + block(method, *more, change=change)(peer) + suffix, **flags)
    return sent


def encoded(make, *fields):
    """make(a header block of these fields)."""
    return lambda peer: make(peer.encode(fields))


def dummies(count=1):
    return [(f"x-dummy{i}", LONG) for i in range(count)]


# --- steps that wait -----------------------------------------------------------------------------------------

def connection_error(*codes):
    """GOAWAY with one of the codes, or the end of the connection."""
    def step(peer):
        peer.wait_frame(lambda f: f.kind == Kind.GOAWAY and f.code in codes, f"GOAWAY {codes} or the end")
    return step


def stream_error(*codes):
    """RST_STREAM or GOAWAY with one of the codes, or the end of the connection."""
    def step(peer):
        peer.wait_frame(lambda f: f.kind in (Kind.GOAWAY, Kind.RST_STREAM) and f.code in codes,
                        f"RST_STREAM or GOAWAY {codes} or the end")
    return step


def closed(peer):
    """The end of the connection."""
    peer.rest()


def stream_closed(peer):
    """The end of an answer."""
    assert peer.wait_frame(lambda f: f.ends_stream or (f.kind == Kind.RST_STREAM and f.code == Code.NO_ERROR),
                           "the end of the answer"), peer.story()


def first(kind, fits=lambda f: True):
    """The first frame of this kind has to be a certain one."""
    def step(peer):
        found = peer.wait_frame(lambda f: f.kind == kind, kind.name)
        assert found and fits(found), f"{found}; {peer.story()}"
    return step


def answered(stream=1):
    """HEADERS on this stream before those on any other."""
    return first(Kind.HEADERS, lambda f: f.stream == stream)


def pong(opaque=bytes(8)):
    return first(Kind.PING, lambda f: f.is_ack and f.payload == opaque)


def pong_or_closed(opaque=bytes(8)):
    def step(peer):
        peer.wait_frame(lambda f: f.kind == Kind.PING and f.is_ack and f.payload == opaque, "PING or the end")
    return step


def starts_with_settings(peer):
    found = peer.read()
    assert found and found.kind == Kind.SETTINGS and not found.is_ack, found


acknowledged = first(Kind.SETTINGS, lambda f: f.is_ack)


def bytes_of_data(count):
    """The first DATA frame is exactly this long."""
    return first(Kind.DATA, lambda f: len(f.payload) == count)
