"""The proxies under comparison, by the names of their binaries.

All get the same work: as many workers as processors, forwarded-for fields and a request id towards the upstream,
warm upstream connections, no access log, the same certificate, TLS 1.2 and 1.3 with session tickets, HTTP/2 with the
limits each has by default, and connections that stay however many requests they carry. h2o alone is spared some: it
can neither make a request id nor name the host that was asked for in a field of its own. beast-proxy, our own, knows
HTTP/1.1, one pool and one worker.
"""

import re
from pathlib import Path

from lib.beast import Beast
from lib.caddy import Caddy
from lib.h2o import H2o
from lib.haproxy import HAProxy
from lib.nginx import Nginx
from lib.sluice import Sluice

KINDS = {"nginx": Nginx, "h2o": H2o, "haproxy": HAProxy, "caddy": Caddy, "beast": Beast}


def make_proxy(binary, around, name=None):
    """The adapter a binary's name asks for."""
    said = re.match("|".join(KINDS), Path(binary).name)
    kind = KINDS[said[0]] if said else Sluice
    return kind(name or Path(binary).name, binary, around)
