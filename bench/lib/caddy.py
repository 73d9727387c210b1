"""Caddy, compared when it is asked for."""

from lib.machine import first_line
from lib.proxy import Proxy, host_of


class Caddy(Proxy):
    reloads = False

    def __init__(self, name, binary, around):
        super().__init__(name, binary, around)
        # What Caddy remembers goes here, not into a home.
        self.environment = {"HOME": str(self.directory), "XDG_DATA_HOME": str(self.directory),
                            "XDG_CONFIG_HOME": str(self.directory)}

    def version(self):
        return first_line(str(self.binary), "version")

    def command(self):
        return [self.binary, "run", "--config", self.directory / "Caddyfile", "--adapter", "caddyfile"]

    def start(self, plan):
        self.environment = {**self.environment, "GOMAXPROCS": str(plan.workers)}
        return super().start(plan)

    def write_configuration(self, plan):
        around = self.around
        balance = "lb_policy least_conn\n    lb_try_duration 5s\n    fail_duration 10s" if plan.servers else ""
        forward = f"""reverse_proxy {" ".join(self.servers(plan))} {{
    {balance}
    header_up X-Request-ID {{http.request.uuid}}
    transport http {{
      keepalive 60s
      keepalive_idle_conns_per_host 256
      compression off
    }}
  }}"""
        pairs = [("", around.certificate, around.key)]
        if plan.certificates:
            own = around.tenant_certificates.first(plan.tenants)
            pairs += [(host_of(n), *files) for n, files in enumerate(own, 1)]
        # Names of tenants need no site of their own, unless they have a certificate: all are served alike.
        sites = [f"https://{host}:{self.tls_port} {{\n  tls {certificate} {key}\n  {forward}\n}}"
                 for host, certificate, key in pairs]
        self.save("Caddyfile", "\n".join([f"# variant {plan.variant}", """{
  admin off
  auto_https off
  servers {
    protocols h1 h2
    timeouts {
      idle 1h
    }
  }
}""", f"http://:{self.plain_port} {{\n  {forward}\n}}", *sites]) + "\n")

    def reload(self, plan):
        raise RuntimeError("Caddy: no reloads in this comparison")
