"""beast-proxy (bench/beast), compared over HTTP/1.1 with one pool and one worker."""

import dataclasses

from lib.machine import first_line
from lib.proxy import Plan, Proxy


class Beast(Proxy):
    def version(self):
        return first_line(str(self.binary), "--version")

    def command(self):
        around = self.around
        return [self.binary, "--http", f"127.0.0.1:{self.plain_port}", "--https", f"127.0.0.1:{self.tls_port}",
                "--cert", around.certificate, "--key", around.key, "--idle", "3600",
                *(word for server in self.servers(self.plan) for word in ("--to", server))]

    def write_configuration(self, plan):
        if dataclasses.replace(plan, servers=()) != Plan():
            raise RuntimeError(f"{self.name}: one pool and one worker is all it is compared with")
        self.configuration = "its command line is all\n"
