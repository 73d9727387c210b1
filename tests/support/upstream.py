"""The fake application behind Sluice: does what the test tells it, and remembers every byte it was sent.

    app = ScriptedUpstream()
    app.play("/slow", lambda visit: (visit.body(), gate.wait(), visit.reply(body=b"at last")))
    app.play("/evil", steps(b"HTTP/1.1 200 OK\\r\\nContent-Length: 1\\r\\nContent-Length: 2\\r\\n\\r\\nab", close))

A script is called once for each request, with a Visit, in the thread of its connection; afterwards the
connection waits for the next request unless the script closed it. Without a script the body is read and
answered with 200 and a short text.
"""

import os
import socket
import threading

from application import FakeApplication
from client import reset as reset_socket
from waiting import PATIENCE, wait_until
from wire import Incomplete, Nothing, Wire, WireError, chunks


TCP_ESTABLISHED = 1  # linux/tcp_states.h


class Visit:
    """One request as the application sees it."""

    def __init__(self, upstream, connection, request):
        self.upstream = upstream
        self.connection = connection
        self.request = request
        self.aborted = None  # how the request body broke off, if it did
        self.done = False

    def body(self, sink=None):
        if not self.request.complete:
            self.connection.wire.request_body(self.request, sink)
        return self.request.body

    def send(self, data):
        self.connection.sock.sendall(data)

    def reply(self, status=200, body=b"", fields=(), chunked=False, reason="Whatever", trailers=""):
        lines = [f"HTTP/1.1 {status} {reason}", *fields]
        bare = status < 200 or status in (204, 304)
        if chunked:
            lines.append("Transfer-Encoding: chunked")
            body = chunks(body, trailers=trailers)
        elif not bare:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        self.send(head if self.request.method == "HEAD" or bare else head + body)

    def close(self):
        self.connection.close()

    def reset(self):
        self.connection.reset()

    def wait_for_close(self):
        """Waits until Sluice ends the connection; returns "eof" or "reset"."""
        wire = self.connection.wire
        while wire.fill():
            wire.buffer.clear()
        return wire.ended


class Connection:
    def __init__(self, upstream, sock, peer, number):
        self.upstream = upstream
        self.sock = sock
        self.number = number
        self.peer = peer
        self.wire = Wire(sock, keep=upstream.keep)
        self.closed = False
        self.thread = threading.Thread(target=self.run, name=f"upstream connection {number}", daemon=True)

    @property
    def received(self):
        return bytes(self.wire.seen)

    @property
    def ended(self):
        """True once Sluice has closed its side, or we ours."""
        return self.closed or self.wire.ended is not None

    @property
    def established(self):
        """Whether neither side has closed it, as the kernel sees it."""
        try:
            return self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_ESTABLISHED
        except OSError:
            return False

    def close(self):
        self.closed = True
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()

    def reset(self):
        self.closed = True
        reset_socket(self.sock)

    def run(self):
        try:
            if self.upstream.on_connect:
                self.upstream.on_connect(self)
            while not self.closed:
                self.serve_one()
        except Nothing:
            pass
        except WireError as error:
            self.upstream.complaints.append(f"Sluice sent what it must not: {error}; all of it: {self.received[:2000]!r}")
        except (Incomplete, OSError):
            pass
        except AssertionError as error:
            self.upstream.complain_of_script(error)
        finally:
            self.close()

    def serve_one(self):
        request = self.wire.request_head()
        visit = Visit(self.upstream, self, request)
        self.upstream.arrived(visit)
        try:
            self.upstream.run_script(visit)
            if not self.closed:
                visit.body()
        except Incomplete as error:
            visit.aborted = error.how
            raise
        finally:
            self.upstream.left(visit)


def hello(visit):
    visit.body()
    visit.reply(body=f"hello from {visit.upstream.name}".encode(), fields=[f"X-Origin: {visit.upstream.name}"])


class ScriptedUpstream(FakeApplication):
    """Listens at once. bind: an IP address, or "unix:/path"."""

    def __init__(self, default=hello, bind="127.0.0.1", name="app", keep=True, receive_buffer=None, port=0):
        self.keep = keep  # whether the bytes of each connection are kept; off for very large bodies
        self.on_connect = None
        if bind.startswith("unix:"):
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(bind[5:])
            self.address = bind
        else:
            family = socket.AF_INET6 if ":" in bind else socket.AF_INET
            listener = socket.socket(family, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if receive_buffer:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            listener.bind((bind, port))
            self.port = listener.getsockname()[1]
            self.address = f"[{bind}]:{self.port}" if ":" in bind else f"{bind}:{self.port}"
        super().__init__(name, listener, default)
        self.thread.start()

    def play(self, path, script):
        """`script` answers requests for `path`: a callable, or bytes to send after the request was read."""
        self.scripts[path] = script if callable(script) else steps(script)

    def connected(self, sock, peer):
        sock.settimeout(PATIENCE * 2)
        return Connection(self, sock, peer, len(self.connections))

    @property
    def bytes_received(self):
        return sum(c.wire.count for c in self.connections)

    def settle(self):
        """Waits until it has taken up everything that came over connections which Sluice has closed meanwhile."""
        with socket.create_connection(self.listener.getsockname()) as last:  # they are accepted in their order
            self.wait(lambda: any(c.peer == last.getsockname() for c in self.connections), "a connection of our own")
        wait_until(lambda: all(c.established for c in self.open_connections), f"{self.name} to notice what was closed")

    def stop(self):
        super().stop()
        if self.address.startswith("unix:"):
            os.unlink(self.address[5:])


# --- scripts made of steps -----------------------------------------------------------------------------------

def close(visit):
    """A step: close the connection."""
    visit.close()


def break_off(visit):
    """A step: reset the connection."""
    visit.reset()


def await_close(visit):
    """A step: say nothing more and wait until Sluice closes."""
    visit.wait_for_close()
    visit.close()


def steps(*parts):
    """A script: reads the request, then does each part; bytes are sent, callables called with the visit."""

    def script(visit):
        visit.body()
        for part in parts:
            if callable(part):
                part(visit)
            else:
                visit.send(part)

    return script
