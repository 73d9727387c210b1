"""What all proxies under comparison have in common: the plan they serve, their start, and their end."""

import http.client
import re
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from lib.certificates import TenantCertificates
from lib.processes import Process, wait_until

HOST_PATTERN = "tenant-{n}.example.test"


@dataclass(frozen=True)
class Limits:
    """A limit for each tenant, by its host, and one for each client, by its address."""

    clients: int  # that there is to be room for
    per_tenant: int = 1000  # requests a second, and at once
    per_client: int = 60  # an hour, and at once: so few that a client is to be remembered until the end


@dataclass(frozen=True)
class Plan:
    """What a proxy is to serve: everything to one pool, or that for each of a number of tenants."""

    tenants: int = 0
    certificates: bool = False  # each tenant has one of its own; otherwise one is for all
    variant: int = 0  # differs between two configurations that a reload is to tell apart
    workers: int = 1
    servers: tuple = ()  # of the pool; none: the origin that always runs
    forwarded: bool = False  # the address of a client is in X-Forwarded-For
    limits: Limits = None


@dataclass(frozen=True)
class Surroundings:
    """What every proxy is told."""

    origin: str  # host:port
    certificate: Path
    key: Path
    tenant_certificates: TenantCertificates
    directory: Path
    cpus: tuple  # one for each worker, as far as there are any
    load_cpu: int
    descriptors: int


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def host_of(tenant):
    return HOST_PATTERN.format(n=tenant)


def answers(port, path):
    """Whether a request is answered with 200."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        client.request("GET", path, headers={"Host": host_of(1)})
        return client.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        client.close()


class Proxy:
    """A proxy that can be started with a plan, and again with another."""

    environment = {}  # beyond what it inherits
    reloads = True  # whether it is compared in that
    limits = False

    def __init__(self, name, binary, around):
        self.name = name
        self.binary = Path(binary)
        self.around = around
        self.directory = around.directory / name
        self.directory.mkdir(parents=True, exist_ok=True)
        self.process = None
        self.plain_port = self.tls_port = 0
        self.cpus = set(around.cpus[:1])
        self.plan = Plan()
        self.configuration = ""  # the text of it, as the report shows it

    def start(self, plan):
        """Starts and waits for the first answer; returns the seconds from the start to it."""
        self.plain_port, self.tls_port = free_port(), free_port()
        self.cpus = set(self.around.cpus[:plan.workers])
        self.plan = plan
        self.write_configuration(plan)
        began = time.monotonic()
        self.process = Process(self.command(), self.cpus, self.directory, self.environment)
        wait_until(lambda: answers(self.plain_port, "/") or not self.process.alive(), 120,
                   f"{self.name}: no answer")
        if not self.process.alive():
            raise RuntimeError(f"{self.name} ended at once:\n{self.process.last_words()}")
        return time.monotonic() - began

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.stop()
            self.process = None

    def url(self, tls, path="/"):
        return f"https://127.0.0.1:{self.tls_port}{path}" if tls else f"http://127.0.0.1:{self.plain_port}{path}"

    def tls_parameters(self):
        """What a client negotiates, for the comparison is void if two of them differ."""
        with self.tls_connection("localhost") as connection:
            agreed = f"{connection.version()} {connection.cipher()[0]}"
        # Python does not tell the group of the key exchange, which is a good part of what a handshake costs.
        said = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.tls_port}", "-servername",
                               "localhost"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10,
                              check=False).stdout
        group = re.search(r"Server Temp Key: ([^\s,]+)", said)
        return f"{agreed} {group[1] if group else 'unknown group'}"

    def certificate_of(self, host):
        """The name in the certificate that a client asking for the host is given."""
        with self.tls_connection(host) as connection:
            subject = dict(pair for part in connection.getpeercert()["subject"] for pair in part)
            return subject["commonName"]

    def tls_connection(self, host):
        context = ssl.create_default_context(cafile=str(self.around.certificate))
        with socket.create_connection(("127.0.0.1", self.tls_port), timeout=5) as plain:
            return context.wrap_socket(plain, server_hostname=host)

    def servers(self, plan):
        return plan.servers or (self.around.origin,)

    def save(self, file, text):
        """Writes the configuration, and keeps it for the report."""
        (self.directory / file).write_text(text, encoding="utf-8")
        self.configuration = text

    def version(self):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def write_configuration(self, plan):
        raise NotImplementedError

    def reload(self, plan):
        """Applies another plan; returns the seconds until it is in force."""
        raise NotImplementedError

    def reload_by(self, number, plan):
        """For those that do not say when a reload is done: a new worker next to the old one does."""
        self.write_configuration(plan)
        before = self.process.children()
        began = time.monotonic()
        self.process.popen.send_signal(number)
        wait_until(lambda: self.process.children() - before, 120, f"{self.name}: no new worker")
        return time.monotonic() - began
