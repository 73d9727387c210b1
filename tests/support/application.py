"""What every fake application has in common: it listens at once, counts what came, plays scripts, and is waited for."""

import socket
import threading
import time

from waiting import PATIENCE, wait_until


class FakeApplication:
    """`listener` is bound already. Its owner makes connections of sockets (`connected`), and visits of requests."""

    def __init__(self, name, listener, default):
        self.name = name
        self.default = default
        self.scripts = {}
        self.visits = []
        self.connections = []
        self.complaints = []
        self.changed = threading.Condition()
        self.stopping = False
        self.listener = listener
        self.listener.listen(512)
        self.thread = threading.Thread(target=self.accept, name=f"application {name}", daemon=True)

    def connected(self, sock, peer):
        """A Connection, with a `thread` to start, for a socket that was accepted."""
        raise NotImplementedError

    def accept(self):
        while True:
            try:
                sock, peer = self.listener.accept()
            except OSError:
                return
            if self.stopping:
                sock.close()
                return
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.changed:
                connection = self.connected(sock, peer)
                self.connections.append(connection)
                self.changed.notify_all()
            connection.thread.start()

    def arrived(self, visit):
        with self.changed:
            self.visits.append(visit)
            self.changed.notify_all()

    def run_script(self, visit):
        (self.scripts.get(visit.request.path) or self.default)(visit)

    def left(self, visit):
        with self.changed:
            visit.done = True
            self.changed.notify_all()

    def complain_of_script(self, error):
        if not self.stopping:
            self.complaints.append(f"in a script: {error}")

    # --- what happened -----------------------------------------------------------------------------------

    def wait(self, happened, what):
        with self.changed:
            assert self.changed.wait_for(happened, PATIENCE), f"{self.name} waited in vain for: {what}"

    def wait_visits(self, count, path=None):
        """Waits for the count-th request head, of those to `path` if given, and returns that visit."""
        self.wait(lambda: len(self.to(path)) >= count, f"request number {count}, had {len(self.to(path))}")
        return self.to(path)[count - 1]

    def wait_done(self, visit):
        """Waits until the script of `visit` ran to its end, or broke off."""
        self.wait(lambda: visit.done, f"the end of {visit.request.method} {visit.request.path}")
        return visit

    def to(self, path=None):
        return [v for v in self.visits if path is None or v.request.path == path]

    def last(self, path):
        """The newest visit to `path`."""
        return self.to(path)[-1]

    @property
    def open_connections(self):
        return [c for c in self.connections if not c.ended]

    def wait_all_closed(self):
        wait_until(lambda: not self.open_connections, f"Sluice to close its connections to {self.name}")

    # --- the end -----------------------------------------------------------------------------------------

    def refuse(self):
        """Stops listening: new connections are refused, those that stand stay."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.thread.join(PATIENCE)

    def stop(self):
        self.stopping = True
        self.refuse()
        for connection in list(self.connections):
            connection.close()
        deadline = time.monotonic() + PATIENCE
        for connection in list(self.connections):
            connection.thread.join(max(0, deadline - time.monotonic()))
