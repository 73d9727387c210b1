"""h2o, which is compared over HTTP/2 alone."""

import os

from lib.machine import first_line
from lib.proxy import Plan, Proxy


class H2o(Proxy):
    def version(self):
        return first_line(str(self.binary), "--version")

    def command(self):
        return [self.binary, "-m", "worker", "-c", self.directory / "h2o.conf"]

    def write_configuration(self, plan):
        if plan != Plan():
            raise RuntimeError(f"{self.name}: one pool and one worker is all it is compared with")
        around = self.around
        # Started by root, h2o would become another user, who cannot enter our directory.
        user = "user: root" if os.geteuid() == 0 else ""
        # Times are in seconds, but for those towards the upstream, which are in milliseconds.
        self.save("h2o.conf", f"""{user}
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
""")
