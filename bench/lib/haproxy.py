"""HAProxy."""

import signal

from lib.machine import first_line
from lib.proxy import Proxy, host_of


class HAProxy(Proxy):
    limits = True

    def version(self):
        return first_line(str(self.binary), "-v")

    def command(self):
        # Master and worker, as Debian's service has it, and as a reload needs it.
        return [self.binary, "-W", "-f", self.directory / "haproxy.cfg"]

    def write_configuration(self, plan):
        around = self.around
        certificates = f"crt {around.certificate}"  # its key is looked for beside it
        if plan.certificates:
            listed = self.directory / "certificates.list"
            own = around.tenant_certificates.first(plan.tenants)
            listed.write_text("".join(f"{certificate}\n" for certificate, _ in own), encoding="utf-8")
            certificates += f" crt-list {listed}"
        choice = "default_backend app"
        if plan.tenants:
            hosts = self.directory / "hosts.map"
            hosts.write_text("".join(f"{host_of(n)} app\n" for n in range(1, plan.tenants + 1)), encoding="utf-8")
            choice = f"use_backend %[req.hdr(host),field(1,:),lower,map({hosts},app)]"
        shards = " shards by-thread" if plan.workers > 1 else ""
        # A connection to a client needs a descriptor, and one towards the upstream; some are for itself.
        self.save("haproxy.cfg", f"""# variant {plan.variant}
global
  nbthread {plan.workers}
  maxpipes 100
  maxconn {around.descriptors // 2 - 300}
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout http-keep-alive 1h
  timeout server 1h
  timeout tunnel 1h
  backlog 4096
frontend all
  bind 127.0.0.1:{self.plain_port}{shards}
  # Without curves, this version accepts P-256 alone, and most clients would have to begin again.
  bind 127.0.0.1:{self.tls_port} ssl {certificates} alpn h2,http/1.1 ssl-min-ver TLSv1.2 curves X25519:P-256{shards}
  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Request-ID %[uuid()]
  option forwardfor
  option splice-auto
{limits(plan)}  {choice}
backend app
  # As the others do; otherwise a stream may have to open a connection of its own.
  http-reuse always
{self.upstream(plan)}
{tables(plan)}""")

    def upstream(self, plan):
        servers = self.servers(plan)
        if len(servers) == 1:
            return f"  server origin {servers[0]}"
        # By default, it stays with a server that is gone, and gives up on a request whose connection breaks. The
        # others try another server by themselves; told to, it does so too.
        # But only what may be asked twice, again as the others.
        return "\n".join(["  balance leastconn", "  option redispatch 1", "  retry-on conn-failure empty-response",
                          "  http-request disable-l7-retry unless METH_GET",
                          "  default-server check inter 2s observe layer4 error-limit 1 on-error mark-down",
                          *(f"  server origin-{n} {server}" for n, server in enumerate(servers, 1))])

    def reload(self, plan):
        return self.reload_by(signal.SIGUSR2, plan)


def limits(plan):
    """As windows of a second and of an hour, which is how it counts."""
    given = plan.limits
    if not given:
        return ""
    return f"""  http-request track-sc0 req.hdr(host),field(1,:),lower table per_tenant
  http-request track-sc1 req.hdr_ip(x-forwarded-for,1) table per_client
  http-request deny deny_status 429 if {{ sc0_http_req_rate(per_tenant) gt {given.per_tenant} }}
  http-request deny deny_status 429 if {{ sc1_http_req_rate(per_client) gt {given.per_client} }}
"""


def tables(plan):
    if not plan.limits:
        return ""
    return f"""backend per_tenant
  stick-table type string len 64 size {2 * plan.tenants} expire 10s store http_req_rate(1s)
backend per_client
  stick-table type ip size {plan.limits.clients + 1000} expire 1h store http_req_rate(1h)
"""
