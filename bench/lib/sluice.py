"""Sluice itself."""

import json
import subprocess
import time

from lib.machine import first_line
from lib.processes import wait_until
from lib.proxy import Proxy, answers, free_port, host_of


class Sluice(Proxy):
    limits = True

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
        certificates = [(around.certificate, around.key)]
        if plan.certificates:
            certificates += around.tenant_certificates.first(plan.tenants)
        servers = ", ".join(f'"{server}"' for server in self.servers(plan))
        lines = [
            "version: 1",
            f"workers: {plan.workers}",
            f'admin: "127.0.0.1:{self.admin_port}"',
            "timeouts: { idle: 1h }",
            "listeners:",
            f'  http: "127.0.0.1:{self.plain_port}"',
            f'  https: {{ address: "127.0.0.1:{self.tls_port}", tls: true }}',
            *(['trusted_proxies: ["127.0.0.1"]'] if plan.forwarded else []),
            *limits(plan.limits),
            "pools:",
            f"  app: {{ servers: [{servers}] }}",
            f'  spare-{plan.variant}: {{ servers: ["{around.origin}"] }}',
            "tls:",
            "  certificates:",
            *(f"    - {{ cert: {json.dumps(str(certificate))}, key: {json.dumps(str(key))} }}"
              for certificate, key in certificates),
        ]
        if plan.tenants:
            defaults = "pool: app, limits: [tenant, client]" if plan.limits else "pool: app"
            lines += ["tenants:", f"  defaults: {{ {defaults} }}", "  items:"]
            lines += [f'    tenant-{n}: {{ hosts: ["{host_of(n)}"] }}' for n in range(1, plan.tenants + 1)]
        else:
            lines += ["routes:", "  - { pool: app }"]
        self.save("sluice.yaml", "\n".join(lines) + "\n")

    def reload(self, plan):
        self.write_configuration(plan)
        began = time.monotonic()
        done = subprocess.run([str(self.binary), "reload", "--config", str(self.file)],
                              capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"reload refused: {done.stdout}{done.stderr}".strip())
        return time.monotonic() - began


def limits(given):
    if not given:
        return []
    return [
        "limits:",
        f"  tenant: {{ rate: {given.per_tenant}/s, key: tenant }}",
        f"  client: {{ rate: {given.per_client}/h, key: client_ip }}",
        f"max: {{ limit_keys: {given.clients} }}",
    ]
