"""The proxies under comparison: how each is configured, started and reloaded.

All get the same work: one worker on one processor, forwarded-for fields and a request id towards the upstream,
warm upstream connections, no access log, the same certificate, TLS 1.2 and 1.3 with session tickets, HTTP/2 with the
limits each has by default, and connections that stay however many requests they carry. h2o alone is spared some: it
can neither make a request id nor name the host that was asked for in a field of its own.
"""

import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from lib.machine import first_line
from lib.processes import Process, wait_until

HOST_PATTERN = "tenant-{n}.example.test"


@dataclass(frozen=True)
class Plan:
    """What a proxy is to serve: everything to one pool, or that for each of a number of tenants."""

    tenants: int = 0
    variant: int = 0  # differs between two configurations that a reload is to tell apart


@dataclass(frozen=True)
class Surroundings:
    """What every proxy is told."""

    origin: str  # host:port
    certificate: Path
    key: Path
    directory: Path
    cpu: int
    descriptors: int


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port, path):
    """Whether a request is answered with 200."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        client.request("GET", path, headers={"Host": HOST_PATTERN.format(n=1)})
        return client.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        client.close()


class Proxy:
    """A proxy that can be started with a plan, and again with another."""

    def __init__(self, name, binary, around):
        self.name = name
        self.binary = Path(binary)
        self.around = around
        self.directory = around.directory / name
        self.directory.mkdir(parents=True, exist_ok=True)
        self.process = None
        self.plain_port = self.tls_port = 0

    def start(self, plan):
        """Starts and waits for the first answer; returns the seconds from the start to it."""
        self.plain_port, self.tls_port = free_port(), free_port()
        self.write_configuration(plan)
        began = time.monotonic()
        self.process = Process(self.command(), self.around.cpu, self.directory)
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
        """What a client negotiates, for the comparison is void if the two differ."""
        context = ssl.create_default_context(cafile=str(self.around.certificate))
        with socket.create_connection(("127.0.0.1", self.tls_port), timeout=5) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as wrapped:
                return f"{wrapped.version()} {wrapped.cipher()[0]}"

    def version(self):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def write_configuration(self, plan):
        raise NotImplementedError

    def reload(self, plan):
        """Applies another plan; returns the seconds until it is in force."""
        raise NotImplementedError


class Sluice(Proxy):
    def __init__(self, name, binary, around):
        super().__init__(name, binary, around)
        self.admin_port = 0
        self.file = self.directory / "sluice.yaml"

    def version(self):
        return first_line(str(self.binary), "version")

    def command(self):
        return [self.binary, "run", "--config", self.file]

    def start(self, plan):
        self.admin_port = free_port()
        seconds = super().start(plan)
        wait_until(lambda: answers(self.admin_port, "/readyz"), 10, f"{self.name}: /readyz")
        return seconds

    def write_configuration(self, plan):
        around = self.around
        lines = [
            "version: 1",
            "workers: 1",
            f'admin: "127.0.0.1:{self.admin_port}"',
            "timeouts: { idle: 1h }",
            "listeners:",
            f'  http: "127.0.0.1:{self.plain_port}"',
            f'  https: {{ address: "127.0.0.1:{self.tls_port}", tls: true }}',
            "tls:",
            "  certificates:",
            f"    - {{ cert: {json.dumps(str(around.certificate))}, key: {json.dumps(str(around.key))} }}",
            "pools:",
            f'  app: {{ servers: ["{around.origin}"] }}',
            f'  spare-{plan.variant}: {{ servers: ["{around.origin}"] }}',
        ]
        if plan.tenants:
            lines += ["tenants:", "  defaults: { pool: app }", "  items:"]
            for n in range(1, plan.tenants + 1):
                lines.append(f'    tenant-{n}: {{ hosts: ["{HOST_PATTERN.format(n=n)}"] }}')
        else:
            lines += ["routes:", "  - { pool: app }"]
        self.file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def reload(self, plan):
        self.write_configuration(plan)
        began = time.monotonic()
        done = subprocess.run([str(self.binary), "reload", "--config", str(self.file)],
                              capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"reload refused: {done.stdout}{done.stderr}".strip())
        return time.monotonic() - began


class Nginx(Proxy):
    def version(self):
        return first_line(str(self.binary), "-v")

    def command(self):
        directory = self.directory
        return [self.binary, "-p", directory, "-c", directory / "nginx.conf", "-e", directory / "error.log"]

    def write_configuration(self, plan):
        around = self.around
        # Started by root, nginx would hand its worker to another user, who cannot enter our directory.
        user = "user root;" if os.geteuid() == 0 else ""
        forward = """location / {
        proxy_pass http://app;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $host;
        proxy_set_header X-Request-ID $request_id;
      }"""
        listen = (f"listen 127.0.0.1:{self.plain_port} backlog=4096; "
                  f"listen 127.0.0.1:{self.tls_port} ssl http2 backlog=4096;")
        # TLS in the first server only: each further one would load the certificate anew, 100 KB and 1 ms a tenant.
        tls = f"""ssl_certificate {around.certificate}; ssl_certificate_key {around.key};
        ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:tls:10m; ssl_session_tickets on;"""
        servers = [f"server {{ {listen} {tls} {forward} }}"]
        listen = f"listen 127.0.0.1:{self.plain_port};"
        for n in range(1, plan.tenants + 1):
            servers.append(f"server {{ {listen} server_name {HOST_PATTERN.format(n=n)}; {forward} }}")
        temporary = "".join(f"{kind}_temp_path tmp;" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        newline = "\n      "  # no backslash may stand within an f-string before Python 3.12
        text = f"""# variant {plan.variant}
    worker_processes 1; daemon off; {user} pid nginx.pid;
    worker_rlimit_nofile {around.descriptors};
    events {{ worker_connections {around.descriptors}; }}
    http {{
      access_log off; {temporary}
      tcp_nopush on; sendfile on; server_tokens off;
      keepalive_timeout 1h; keepalive_requests 1000000000;
      # Bodies that outgrow the default buffers would go through a file on disk.
      proxy_buffers 16 32k; proxy_buffer_size 16k; proxy_busy_buffers_size 64k; proxy_max_temp_file_size 0;
      server_names_hash_max_size 65536; server_names_hash_bucket_size 128;
      upstream app {{
        server {around.origin};
        keepalive 256; keepalive_requests 1000000000; keepalive_timeout 60s;
      }}
      {newline.join(servers)}
    }}
    """
        (self.directory / "nginx.conf").write_text(text, encoding="utf-8")

    def reload(self, plan):
        """nginx does not say when a reload is done; a new worker next to the old one does."""
        self.write_configuration(plan)
        before = self.process.children()
        began = time.monotonic()
        os.kill(self.process.pid, 1)
        wait_until(lambda: self.process.children() - before, 120, "nginx: no new worker")
        return time.monotonic() - began


class Unchanging(Proxy):
    """One that is compared in carrying traffic and nothing else."""

    def write_configuration(self, plan):
        if plan != Plan():
            raise RuntimeError(f"{self.name}: no tenants in this comparison")
        self.write_plainly()

    def write_plainly(self):
        raise NotImplementedError

    def reload(self, plan):
        raise RuntimeError(f"{self.name}: no reloads in this comparison")


class H2o(Unchanging):
    def version(self):
        return first_line(str(self.binary), "--version")

    def command(self):
        return [self.binary, "-m", "worker", "-c", self.directory / "h2o.conf"]

    def write_plainly(self):
        around = self.around
        # Started by root, h2o would become another user, who cannot enter our directory.
        user = "user: root" if os.geteuid() == 0 else ""
        # Times are in seconds, but for those towards the upstream, which are in milliseconds.
        text = f"""{user}
num-threads: 1
num-name-resolution-threads: 1
max-connections: {around.descriptors // 2}
http1-request-timeout: 3600
http2-idle-timeout: 3600
ssl-session-resumption: {{ mode: all }}
proxy.emit-via-header: OFF
listen: {{ host: 127.0.0.1, port: {self.plain_port} }}
listen:
  host: 127.0.0.1
  port: {self.tls_port}
  ssl:
    certificate-file: {around.certificate}
    key-file: {around.key}
    minimum-version: TLSv1.2
    ocsp-update-interval: 0
hosts:
  default:
    paths:
      /:
        proxy.reverse.url: "http://{around.origin}"
        proxy.timeout.keepalive: 60000
        proxy.preserve-host: ON
"""
        (self.directory / "h2o.conf").write_text(text, encoding="utf-8")


class HAProxy(Unchanging):
    def version(self):
        return first_line(str(self.binary), "-v")

    def command(self):
        return [self.binary, "-db", "-f", self.directory / "haproxy.cfg"]

    def write_plainly(self):
        around = self.around
        both = self.directory / "both.pem"
        both.write_bytes(around.certificate.read_bytes() + around.key.read_bytes())
        # A connection to a client needs a descriptor, and one towards the upstream; some are for itself.
        text = f"""global
  nbthread 1
  maxconn {around.descriptors // 2 - 100}
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout http-keep-alive 1h
  timeout server 1h
  backlog 4096
frontend all
  bind 127.0.0.1:{self.plain_port}
  bind 127.0.0.1:{self.tls_port} ssl crt {both} alpn h2,http/1.1 ssl-min-ver TLSv1.2
  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Request-ID %[uuid()]
  option forwardfor
  default_backend app
backend app
  # As the others do; otherwise a stream may have to open a connection of its own.
  http-reuse always
  server origin {around.origin}
"""
        (self.directory / "haproxy.cfg").write_text(text, encoding="utf-8")


def make_proxy(binary, around, name=None):
    """The adapter a binary's name asks for."""
    kinds = {"nginx": Nginx, "h2o": H2o, "haproxy": HAProxy}
    said = re.match("|".join(kinds), Path(binary).name)
    kind = kinds[said[0]] if said else Sluice
    return kind(name or Path(binary).name, binary, around)
