"""nginx."""

import os
import signal

from lib.machine import first_line
from lib.proxy import Proxy, host_of

FORWARD = """location / {
        proxy_pass http://app;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $host;
        proxy_set_header X-Request-ID $request_id;
      }"""

# WebSockets need a location of their own: the fields that ask for one must not go with other requests, for
# "Connection: upgrade" would cost the kept connection to the upstream.
UPGRADE = """location /websocket {
        proxy_pass http://app;
        proxy_http_version 1.1;
        proxy_set_header Connection upgrade;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Host $host;
      }"""


class Nginx(Proxy):
    limits = True

    def version(self):
        return first_line(str(self.binary), "-v")

    def command(self):
        directory = self.directory
        return [self.binary, "-p", directory, "-c", directory / "nginx.conf", "-e", directory / "error.log"]

    def write_configuration(self, plan):
        around = self.around
        # Started by root, nginx would hand its worker to another user, who cannot enter our directory.
        user = "user root;" if os.geteuid() == 0 else ""
        options = "backlog=4096" + (" reuseport" if plan.workers > 1 else "")
        listen = f"listen 127.0.0.1:{self.plain_port} {options}; listen 127.0.0.1:{self.tls_port} ssl http2 {options};"
        servers = [f"server {{ {listen} {pair(around.certificate, around.key)} {FORWARD} {UPGRADE} }}"]
        own = around.tenant_certificates.first(plan.tenants) if plan.certificates else []
        for n in range(1, plan.tenants + 1):
            # TLS only where it has its own certificate: each server would load the common one anew, 100 KB and 1 ms.
            listen, tls = f"listen 127.0.0.1:{self.plain_port};", ""
            if own:
                listen, tls = f"{listen} listen 127.0.0.1:{self.tls_port} ssl;", pair(*own[n - 1])
            servers.append(f"server {{ {listen} server_name {host_of(n)}; {tls} {FORWARD} }}")
        temporary = "".join(f"{kind}_temp_path tmp;" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        upstream = "least_conn; " if len(self.servers(plan)) > 1 else ""
        upstream += " ".join(f"server {server};" for server in self.servers(plan))
        newline = "\n      "  # no backslash may stand within an f-string before Python 3.12
        self.save("nginx.conf", f"""# variant {plan.variant}
    worker_processes {plan.workers}; daemon off; {user} pid nginx.pid;
    worker_rlimit_nofile {around.descriptors};
    events {{ worker_connections {around.descriptors}; }}
    http {{
      access_log off; {temporary}
      tcp_nopush on; sendfile on; server_tokens off;
      keepalive_timeout 1h; keepalive_requests 1000000000;
      ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:tls:10m; ssl_session_tickets on;
      # Bodies that outgrow the default buffers would go through a file on disk, in both directions.
      proxy_buffers 16 32k; proxy_buffer_size 16k; proxy_busy_buffers_size 64k; proxy_max_temp_file_size 0;
      proxy_request_buffering off; client_body_buffer_size 64k; client_max_body_size 0;
      server_names_hash_max_size 65536; server_names_hash_bucket_size 128;
      upstream app {{
        {upstream}
        keepalive 256; keepalive_requests 1000000000; keepalive_timeout 60s;
      }}
      {limits(plan)}
      {newline.join(servers)}
    }}
    """)

    def reload(self, plan):
        return self.reload_by(signal.SIGHUP, plan)


def pair(certificate, key):
    return f"ssl_certificate {certificate}; ssl_certificate_key {key};"


def limits(plan):
    """nginx counts in whole requests a minute at least; what is slower is left to the burst."""
    given = plan.limits
    if not given:
        return ""
    # 128 bytes for a client's address and its neighbours in the tree, 256 for a host.
    return f"""limit_req_status 429;
      limit_req_zone $host zone=tenants:{plan.tenants // 4096 + 4}m rate={given.per_tenant}r/s;
      limit_req_zone $http_x_forwarded_for zone=clients:{given.clients // 8192 + 4}m rate=1r/m;
      limit_req zone=tenants burst={given.per_tenant} nodelay;
      limit_req zone=clients burst={given.per_client} nodelay;"""
