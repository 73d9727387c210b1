"""Limits that several nodes count together in a Redis, and what happens without it."""

import re
import threading
import time

import pytest

from certs import Authority
from limited import HOUR, at_most, left, limited
from ports import closed_port
from redis import Redis
from waiting import wait_until


@pytest.fixture
def redis():
    """redis(requirepass="secret", …) starts a redis-server."""
    running = []

    def run(**how):
        running.append(Redis(**how))
        return running[-1]

    yield run
    for one in running:
        one.stop()


def shared(app, store, rate=HOUR, burst=100, key="tenant", on_outage="local", **more):
    store = {"store": store, "on_outage": on_outage} | more if store else {}
    # Another limit for each burst would be another bucket: the name stays.
    return limited(app, limits={"all": {"rate": rate, "burst": burst, "key": key}} | store,
                   routes=[{"pool": "app", "limits": ["all"]}])


def metric(node, name):
    found = re.search(rf"^sluice_limit_store_{name} (\d+)$", node.admin("/metrics").body.decode(), re.M)
    return int(found[1]) if found else None


def reached(*nodes):
    """All of them count in the store, and know of each other."""
    for node in nodes:
        wait_until(lambda node=node: metric(node, "nodes") == len(nodes), "the nodes to reach the store")


def lost(node):
    wait_until(lambda: metric(node, "up") == 0, "the store to be lost")


def passes(node, requests):
    """How many of so many requests pass; the others are refused as a limit refuses them."""
    statuses = [node.get().status for _ in range(requests)]
    assert set(statuses) <= {200, 429}, statuses
    return statuses.count(200)


def together(nodes, requests):
    """The same of all nodes at once, by four clients at each."""
    counted = []

    def client(node):
        counted.append(passes(node, requests))

    clients = [threading.Thread(target=client, args=(node,)) for node in nodes for _ in range(4)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    assert len(counted) == len(clients)
    return sum(counted)


def test_two_nodes_in_turn_pass_one_burst(start, app, redis):
    store = redis()
    nodes = [start(shared(app, store.url())) for _ in range(2)]
    reached(*nodes)
    passed = sum(passes(nodes[i % 2], 1) for i in range(130))
    assert 98 <= passed <= 102


def test_two_nodes_at_once_pass_one_burst(start, app, redis):
    store = redis()
    nodes = [start(shared(app, store.url(), burst=200)) for _ in range(2)]
    reached(*nodes)
    assert 196 <= together(nodes, 60) <= 204


def test_what_is_left_is_told_by_every_node(start, app, redis):
    store = redis()
    nodes = [start(shared(app, store.url())) for _ in range(2)]
    reached(*nodes)
    assert passes(nodes[0], 60) == 60
    nodes[1].get()
    # The second learns from the store what the first one took.
    wait_until(lambda: left(nodes[1].get(), "all") <= 40, "the other node to know")


def test_the_store_is_told_nothing_of_clients(start, app, redis):
    store = redis()
    node = start(shared(app, store.url(), key="header:x-secret"))
    reached(node)
    assert node.get("/", "X-Secret: open sesame").status == 200
    names = wait_until(lambda: [n for n in store.ask("KEYS", "*").split() if n != "sluice:nodes"], "a bucket")
    assert len(names) == 1 and re.fullmatch(r"sluice:all:[0-9a-f]{32}", names[0])
    assert "sesame" not in store.ask("GET", names[0])
    assert int(store.ask("PTTL", names[0])) > 0


def test_a_store_that_dies_leaves_each_node_its_own_count(start, app, redis):
    store = redis()
    node = start(shared(app, store.url()))
    reached(node)
    assert passes(node, 60) == 60
    store.kill()
    # Beginning from what is known; and nobody waits.
    assert 39 <= passes(node, 80) <= 40
    node.wait_log(rf"warn limits\.store 127\.0\.0\.1:{store.port}: ")
    mark = node.mark()
    store.start()
    node.wait_log("limits.store .* reached again", since=mark)
    reached(node)
    # It is another one, which knows no script and no bucket: it is told.
    assert passes(node, 20) == 0
    wait_until(lambda: "sluice:all:" in store.ask("KEYS", "*"), "the bucket to be in the store again")
    assert passes(node, 20) == 0


@pytest.mark.parametrize("on_outage, status", [("open", 200), ("closed", 503), ("local", 429)])
def test_a_store_that_is_frozen_holds_nobody_up(start, app, redis, on_outage, status):
    store = redis()
    node = start(shared(app, store.url(), on_outage=on_outage))
    reached(node)
    assert passes(node, 101) == 100
    store.freeze()
    wait_until(lambda: node.get().status == status and metric(node, "up") == 0, "the store to be given up")
    answers = [node.get() for _ in range(200)]
    assert {answer.status for answer in answers} == {status}
    if status == 503:
        assert answers[0].get("Retry-After") == "1"
        assert answers[0].get("RateLimit") is None
        assert 'error=proxy_internal_error; details="the store of limit \\"all\\" is out of reach"' in \
            answers[0].get("Proxy-Status")
    store.thaw()
    reached(node)
    assert passes(node, 20) == 0


def test_a_store_that_forgets_the_script_is_told_it(start, app, redis):
    store = redis()
    node = start(shared(app, store.url()))
    reached(node)
    assert passes(node, 10) == 10
    store.ask("SCRIPT", "FLUSH")
    assert passes(node, 100) == 90
    name = next(n for n in store.ask("KEYS", "*").split() if n != "sluice:nodes")
    wait_until(lambda: float(store.ask("GET", name).split()[0]) > 98, "the store to be told of all of them")


def test_user_password_and_database(start, app, redis):
    store = redis(requirepass="open/sesame")
    right = store.url(user=":open%2Fsesame@", database="/3")
    node = start(shared(app, store.url(user=":wrong@", database="/3")))
    node.wait_log("WRONGPASS")
    wait_until(lambda: metric(node, "errors_total") >= 4, "more tries")
    assert node.log.count("WRONGPASS") < 4
    assert passes(node, 1) == 1  # by itself
    assert "sesame" not in node.log and "wrong@" not in node.log
    assert node.reload(shared(app, right)).returncode == 0
    reached(node)
    assert passes(node, 1) == 1
    wait_until(lambda: "sluice:all:" in store.ask("-n", "3", "KEYS", "*"), "the bucket in the third database")


def test_what_is_wrong_with_another_store_is_told_at_once(start, app, redis):
    """Each reason for itself, and not only when its turn comes among those of before."""
    store = redis(requirepass="secret")
    node = start(shared(app, f"redis://127.0.0.1:{closed_port()}"))
    wait_until(lambda: metric(node, "errors_total") >= 3, "some tries")
    since = node.mark()
    assert node.reload(shared(app, store.url(user=":wrong@"))).returncode == 0
    assert "times since" not in node.wait_log("limits.store .*WRONGPASS.*", since)[0]
    wait_until(lambda: metric(node, "errors_total") >= 6, "more tries")
    since = node.mark()
    assert node.reload(shared(app, f"redis://127.0.0.1:{closed_port()}")).returncode == 0
    assert "times since" not in node.wait_log("limits.store .*Connection refused.*", since)[0]


def test_over_tls_the_store_is_verified(start, app, redis, tmp_path):
    authority = Authority(tmp_path / "right")
    stranger = Authority(tmp_path / "wrong")
    store = redis(leaf=authority.leaf("localhost"), ca=authority.cert)
    url = store.url(host="localhost")
    node = start(shared(app, url, store_ca=stranger.cert))
    node.wait_log(r"limits\.store localhost:\d+: its certificate: ")
    assert node.reload(shared(app, url, store_ca=authority.cert)).returncode == 0
    reached(node)
    assert passes(node, 1) == 1
    wait_until(lambda: "sluice:all:" in store.ask("KEYS", "*"), "the bucket to be in the store")


def test_an_unreachable_store_delays_neither_start_nor_reload(start, app, redis):
    node = start(shared(app, f"redis://127.0.0.1:{closed_port()}"))
    assert passes(node, 101) == 100
    node.wait_log("limits.store .*: Connection refused")
    store = redis()
    assert node.reload(shared(app, store.url())).returncode == 0
    reached(node)
    assert node.reload(shared(app, None)).returncode == 0
    assert metric(node, "up") is None
    assert passes(node, 1) == 1


def test_over_time_nodes_pass_no_more_than_the_rate(start, app, redis):
    store = redis()
    nodes = [start(shared(app, store.url(), rate="50/s", burst=50)) for _ in range(2)]
    reached(*nodes)
    began = time.monotonic()
    passed = together(nodes, 60)
    assert passed <= at_most(50, 50, time.monotonic() - began) + 6  # two leases of two, and one request each
