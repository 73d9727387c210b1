"""What limits cost: 10,000 tenants by their hosts and 1,000,000 clients by their addresses, each with a limit.

An exact limit looks two keys up in tables that no cache holds, and writes both. Nothing is refused in the first
scenario; in the second, one tenant asks for more than it may have.
"""

import dataclasses

from lib.proxies import make_proxy
from lib.proxy import Limits, Plan
from lib.throughput import compare, make_load

LOOK = 2.0  # seconds that tell how long it takes until every client was seen
SPARE = 1.15


def labels(names, condition):
    return {name: f"{name}, {condition}" for name in names}


def limiting(bench):
    return [name for name in bench.subjects if make_proxy(bench.subjects[name], bench.around, name).limits]


def cost(bench):
    names, effort = limiting(bench), bench.effort
    given = Limits(clients=effort.clients)
    plain, limited = labels(names, "without limits"), labels(names, "with limits")
    variants, pairs = {}, []
    for name in names:
        variants[plain[name]] = (name, Plan(tenants=effort.tenants, forwarded=True))
        variants[limited[name]] = (name, Plan(tenants=effort.tenants, forwarded=True, limits=given))
        pairs.append((limited[name], plain[name]))
    load = make_load(bench, clients=effort.clients, hosts=effort.tenants)

    def from_all(proxy, offered):
        see_all(bench, proxy, offered)
        return bench.generator.load(proxy, offered)

    return compare(bench, f"limits of {effort.tenants} tenants and {effort.clients} clients, none reached: HTTP, "
                   f"{load.rate}/s", load, variants, pairs, measure=from_all)


def see_all(bench, proxy, load):
    """Lets every client address be seen once, as fast as the proxy answers."""
    looked = bench.generator.load(proxy, dataclasses.replace(load, closed=True, warmup=0, duration=LOOK))
    seconds = load.clients / looked["achieved"] * SPARE
    seen = bench.generator.load(proxy, dataclasses.replace(load, closed=True, warmup=0, duration=round(seconds, 1)))
    if seen["requests"] < load.clients:
        bench.note(f"limits, {proxy.name}: only {seen['requests']} of {load.clients} addresses were seen before")


def noisy(bench):
    """By Zipf, the first of 10,000 tenants has a tenth of all requests, twice what the next one has."""
    names, effort = limiting(bench), bench.effort
    load = make_load(bench, clients=effort.clients, hosts=effort.tenants, zipf=True)
    share = load.rate / sum(1 / n for n in range(1, effort.tenants + 1))
    given = Limits(clients=effort.clients, per_tenant=round(share * 0.6))
    variants = {name: (name, Plan(tenants=effort.tenants, forwarded=True, limits=given)) for name in names}
    return compare(bench, f"limits, one of {effort.tenants} tenants asks for {share:.0f}/s and may have {given.per_tenant}/s: "
                   f"HTTP, {load.rate}/s", load, variants)
