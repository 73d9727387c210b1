"""A name server that says what the test wants, over UDP and TCP on one port of the loopback address.

    dns = DnsServer()
    dns.names["app.test"] = ["127.0.0.1", "::1"]         # or Answer(addresses, ttl=1, …)
    dns.names["slow.test"] = SILENCE                      # until, perhaps, dns.answer_late("slow.test", [...])
    dns.wait_queries("app.test", 2)

What has no entry does not exist (NXDOMAIN).
"""

import ipaddress
import socket
import struct
import threading

from waiting import PATIENCE

A, CNAME, AAAA = 1, 5, 28
SERVFAIL, NXDOMAIN = 2, 3
SILENCE = "silence"


class Answer:
    """`aliases`: a chain of names between the name and its addresses. `owner`: whose addresses they are said to be.
    `big`: UDP gets a truncated answer, so that the client comes back over TCP. `mute`: types that get no answer."""

    def __init__(self, addresses=(), ttl=60, aliases=(), owner=None, code=0, big=False, mute=()):
        self.addresses = [ipaddress.ip_address(a) for a in addresses]
        self.ttl = ttl
        self.aliases = list(aliases)
        self.owner = owner
        self.code = code
        self.big = big
        self.mute = mute


def wire_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".")) + b"\0"


def record(owner, kind, ttl, data):
    return wire_name(owner) + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


def parse_question(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    kind, = struct.unpack_from("!H", query, at + 1)
    return ".".join(labels).lower(), kind, query[12:at + 5]


class DnsServer:
    def __init__(self):
        self.names = {}
        self.queries = []  # (name, type), in their order
        self.over_tcp = 0
        self.unanswered = []  # (name, query, peer), over UDP
        self.changed = threading.Condition()
        self.stopping = False
        while True:
            self.tcp = socket.create_server(("127.0.0.1", 0))
            self.port = self.tcp.getsockname()[1]
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self.udp.bind(("127.0.0.1", self.port))
                break
            except OSError:  # somebody has that port for UDP
                self.udp.close()
                self.tcp.close()
        self.address = f"127.0.0.1:{self.port}"
        self.connections = []
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.serve_udp, self.serve_tcp)]
        for thread in self.threads:
            thread.start()

    # --- answering ---------------------------------------------------------------------------------------

    def serve_udp(self):
        while True:
            query, peer = self.udp.recvfrom(4096)
            if self.stopping:
                return
            reply = self.reply_to(query, tcp=False)
            if reply is not None:
                self.udp.sendto(reply, peer)
            else:
                self.unanswered.append((parse_question(query)[0], query, peer))

    def answer_late(self, name, answer):
        """Answers what was asked about `name` so far, and what comes."""
        self.names[name] = answer
        for asked, query, peer in self.unanswered:
            if asked == name:
                self.udp.sendto(self.reply_to(query, tcp=False), peer)

    def serve_tcp(self):
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.converse, args=(connection,), daemon=True).start()

    def converse(self, connection):
        try:
            with connection, connection.makefile("rb") as stream:
                while size := stream.read(2):
                    reply = self.reply_to(stream.read(struct.unpack("!H", size)[0]), tcp=True)
                    if reply is not None:
                        connection.sendall(struct.pack("!H", len(reply)) + reply)
        except OSError:
            pass

    def reply_to(self, query, tcp):
        name, kind, question = parse_question(query)
        with self.changed:
            answer = self.names.get(name, Answer(code=NXDOMAIN))
            self.queries.append((name, kind))
            self.over_tcp += tcp
            self.changed.notify_all()
        if answer is SILENCE:
            return None
        if not isinstance(answer, Answer):
            answer = Answer(answer)
        if kind in answer.mute:
            return None
        cut = answer.big and not tcp
        records = [] if cut or answer.code else self.records(name, kind, answer)
        flags = 0x8180 | answer.code | (0x0200 if cut else 0)
        head = query[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0)
        return head + question + b"".join(records)

    @staticmethod
    def records(name, kind, answer):
        out, owner = [], name
        for alias in answer.aliases:
            out.append(record(owner, CNAME, answer.ttl, wire_name(alias)))
            owner = alias
        owner = answer.owner or owner
        for address in answer.addresses:
            if kind == (A if address.version == 4 else AAAA):
                out.append(record(owner, kind, answer.ttl, address.packed))
        return out

    # --- what happened -----------------------------------------------------------------------------------

    def count(self, name, kind=A):
        return self.queries.count((name, kind))

    def wait_queries(self, name, count, kind=A):
        with self.changed:
            there = self.changed.wait_for(lambda: self.count(name, kind) >= count, PATIENCE)
            assert there, f"waited in vain for query {count} for {name}; had {self.queries}"

    def stop(self):
        self.stopping = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self.tcp.shutdown(socket.SHUT_RDWR)
        self.tcp.close()
        for connection in self.connections:
            connection.close()
        for thread in self.threads:
            thread.join(PATIENCE)
        self.udp.close()
