"""A gRPC application by Debian's grpcio, in a process of its own, so that it can be killed and its threads are nobody's.

    app = GrpcApp()                       # GrpcApp(leaf) under TLS
    app.wait("cancelled", "/test.App/Hang")

Run as a program it is that application. Messages are bytes; there is no protoc here.
"""

import json
import os
import subprocess
import sys
import threading
from concurrent import futures

from waiting import PATIENCE

LARGE = 64 << 20
METHODS = {"Echo": "unary_unary", "Fail": "unary_unary", "Hang": "unary_unary", "Time": "unary_unary", "Die": "unary_unary",
           "Count": "unary_stream", "Drip": "unary_stream", "FailLater": "unary_stream", "DieLater": "unary_stream",
           "Collect": "stream_unary", "Chat": "stream_stream"}


class GrpcApp:
    def __init__(self, leaf=None, name="app"):
        self.events = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen([sys.executable, __file__, name, *([leaf.cert, leaf.key] if leaf else [])],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()
        self.address = self.wait("listening")[1]

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.events.append(json.loads(line))
                self.changed.notify_all()

    def count(self, *event):
        return sum(e[: len(event)] == list(event) for e in self.events)

    def wait(self, *event, count=1):
        """Waits until the application has told of something that begins like `event`; returns the last of it."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.count(*event) >= count, PATIENCE), f"no {event}, only {self.events[-10:]}"
            return [e for e in self.events if e[: len(event)] == list(event)][-1]

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self):
        self.kill()
        self.thread.join(PATIENCE)
        self.process.stdout.close()


# --- the program ---------------------------------------------------------------------------------------------

def serve(name, cert=None, key=None):
    import grpc

    told = threading.Lock()

    def tell(*event):
        with told:
            print(json.dumps(event), flush=True)

    def greet(context):
        """What came as x-… goes back, by the head or (x-late-…) by the trailers."""
        metadata = [(k, v) for k, v in context.invocation_metadata() if k.startswith("x-")]
        context.send_initial_metadata([("x-app", name), *(m for m in metadata if not m[0].startswith("x-late-"))])
        context.set_trailing_metadata([m for m in metadata if m[0].startswith("x-late-")])

    def hang(method, context):
        over = threading.Event()
        if not context.add_callback(over.set):
            over.set()
        tell("begun", method)
        tell("cancelled" if over.wait(PATIENCE) else "never cancelled", method)

    class App(grpc.GenericRpcHandler):
        def service(self, details):
            method = details.method.rpartition("/")[2]
            kind = METHODS.get(method)
            return kind and getattr(grpc, kind + "_rpc_method_handler")(getattr(self, method.lower()))

        def echo(self, request, context):
            greet(context)
            return request

        def fail(self, request, context):
            wanted = json.loads(request)
            context.set_trailing_metadata([("x-why-bin", bytes(wanted.get("why", [])))])
            context.abort(next(c for c in grpc.StatusCode if c.value[0] == wanted["code"]), wanted["details"])

        def hang(self, request, context):
            hang("/test.App/Hang", context)
            return b"too late"

        def time(self, request, context):
            return b"%f" % (context.time_remaining() or -1)

        def die(self, request, context):
            os._exit(1)

        def count(self, request, context):
            count, size = json.loads(request)
            for n in range(count):
                yield (b"%d:" % n).ljust(size, b"x")

        def drip(self, request, context):
            yield b"first"
            hang("/test.App/Drip", context)

        def faillater(self, request, context):
            yield b"one"
            yield b"two"
            context.abort(grpc.StatusCode.DATA_LOSS, "that was all")

        def dielater(self, request, context):
            yield b"one"
            tell("begun", "/test.App/DieLater")
            threading.Event().wait(PATIENCE)

        def collect(self, requests, context):
            pieces = list(requests)
            return json.dumps([len(pieces), sum(map(len, pieces))]).encode()

        def chat(self, requests, context):
            greet(context)
            for request in requests:
                yield b"re: " + request

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=64), handlers=[App()],
                         options=[("grpc.max_receive_message_length", LARGE), ("grpc.max_send_message_length", LARGE),
                                  ("grpc.so_reuseport", 0)])
    if cert:
        with open(cert, "rb") as chain, open(key, "rb") as secret:
            port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(secret.read(), chain.read())]))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    tell("listening", f"127.0.0.1:{port}")
    server.wait_for_termination()


if __name__ == "__main__":
    serve(*sys.argv[1:])
