"""A client that says exactly what the test says, byte for byte."""

import socket
import ssl
import struct

from waiting import PATIENCE
from wire import Wire


def connect(address, timeout=PATIENCE, receive_buffer=None, send_buffer=None):
    """A connected socket. `address` is "host:port", "[v6]:port" or "unix:/path"."""
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        target = address[5:]
    else:
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        target = (host, int(port))
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if send_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    sock.settimeout(timeout)
    try:
        sock.connect(target)
    except OSError:
        sock.close()
        raise
    return sock


def refused(address):
    """Whether nobody listens there any more. In the moment of closing the kernel resets: not yet, then."""
    try:
        connect(address).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    except ConnectionResetError:
        pass
    return False


def reset(sock):
    """Closes with RST instead of FIN."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    sock.close()


class RawClient:
    """One connection. Use as a context manager.

    tls: an ssl.SSLContext; server_name goes into SNI; session resumes an earlier one.
    """

    def __init__(self, address, tls=None, server_name=None, session=None, keep=True, **socket_options):
        self.address = address
        self.sock = connect(address, **socket_options)
        if tls:
            try:
                self.sock = tls.wrap_socket(self.sock, server_hostname=server_name, session=session)
            except BaseException:
                self.sock.close()
                raise
        self.wire = Wire(self.sock, keep)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        reset(self.sock)

    def send(self, data):
        self.sock.sendall(data)
        return self

    def try_send(self, data):
        """Sends what the peer still wants; True if all of it went out."""
        try:
            self.sock.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            return False

    def half_close(self):
        """Says that nothing more will come; harmless if the peer is gone already."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return self

    def response(self, to="GET", interim=False, sink=None):
        """The next response. 1xx are passed over unless `interim`."""
        while True:
            found = self.wire.response(to, sink)
            if interim or found.status >= 200 or found.status == 101:
                return found

    def request(self, method, target, *fields, body=b"", host="app.test"):
        """Sends one plain request and reads its answer. `fields` are "Name: value" lines."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *fields]
        if body or method in ("POST", "PUT"):
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        return self.response(to=method)

    def get(self, target="/", *fields, host="app.test"):
        return self.request("GET", target, *fields, host=host)

    def rest(self):
        """Every byte until the peer closes."""
        return self.wire.to_the_end()

    def closed_cleanly(self):
        """Waits for the peer to close; fails if it says anything more. Returns "eof" or "reset"."""
        rest = self.rest()
        assert rest == b"", f"expected the connection to close, got {rest[:300]!r}"
        return self.wire.ended


def trusting(authority=None, **how):
    """An SSLContext for tests: checks against `authority` if given, else takes anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority:
        context.load_verify_locations(authority)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    for name, value in how.items():
        if name == "ciphers":
            context.set_ciphers(value)
        elif name == "alpn":
            context.set_alpn_protocols(value)
        else:
            setattr(context, name, value)
    return context
