"""What the tests of limits share: configurations, and what an answer says of limits."""

import math
import re

from sluice import config, pool

# Nothing of it comes back while a test runs, so that counts are exact however long it takes.
HOUR = "1/h"


def limited(*servers, limits, routes=None, tenants=None, **keys):
    """config(…) with `limits`, which all routes have unless they are given."""
    routes = routes if routes is not None else [{"pool": "app", "limits": list(limits)}]
    whole = config(pools={"app": pool(*servers)}, limits=limits, **keys)
    if routes:
        whole["routes"] = routes
    if tenants:
        whole["tenants"] = tenants
    return whole


def members(value):
    """{"name": {"r": "1"}} of a RateLimit or RateLimit-Policy field; {} without one."""
    found = {}
    for member in (value or "").split(", ") if value else []:
        name, *parameters = member.split(";")
        assert re.fullmatch(r'"[A-Za-z0-9_-]+"', name), value
        assert name.strip('"') not in found, value
        found[name.strip('"')] = dict(parameter.split("=", 1) for parameter in parameters)
    return found


def left(answer, name):
    """What an answer says is left of a limit; None if it says nothing."""
    said = members(answer.get("RateLimit")).get(name)
    assert (said is None) == (name not in members(answer.get("RateLimit-Policy"))), answer.fields
    return None if said is None else int(said["r"])


def rejected(sluice, kind="rejected"):
    """{(limit, tenant): count} of /metrics, without zeros."""
    text = sluice.admin("/metrics").body.decode()
    rows = re.findall(rf'^sluice_ratelimit_{kind}_total{{limit="(.*?)",tenant="(.*?)"}} (\d+)$', text, re.M)
    return {(limit, tenant): int(count) for limit, tenant, count in rows if int(count)}


def at_most(burst, rate, seconds):
    """How many may pass in so many seconds."""
    return burst + math.floor(rate * seconds)
