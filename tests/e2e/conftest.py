"""Fixtures of the end-to-end tests. Everything a test starts is ended after it, and looked over for harm."""

import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]

import certs as certificates  # noqa: E402
import peers  # noqa: E402
from dns_server import DnsServer  # noqa: E402
from http2_server import Http2Upstream  # noqa: E402
from sluice import Sluice  # noqa: E402
from stage import Stage  # noqa: E402
from upstream import ScriptedUpstream  # noqa: E402


@pytest.fixture
def apps():
    """apps(name="blue", bind="::1", …) starts a ScriptedUpstream."""
    running = []

    def start(*arguments, **how):
        running.append(ScriptedUpstream(*arguments, **how))
        return running[-1]

    yield start
    complaints = [c for app in running for c in app.complaints]
    for app in running:
        app.stop()
    assert not complaints, complaints


@pytest.fixture
def app(apps):
    """One application."""
    return apps()


@pytest.fixture
def dns():
    """A DnsServer; config(…, resolver={"servers": [dns.address]}) has Sluice ask it."""
    one = DnsServer()
    yield one
    one.stop()


@pytest.fixture
def h2apps():
    """h2apps(announce={"max_concurrent_streams": 1}, …) starts an Http2Upstream."""
    running = []

    def start_one(*arguments, **how):
        running.append(Http2Upstream(*arguments, **how))
        return running[-1]

    yield start_one
    complaints = [c for one in running for c in one.complaints]
    for one in running:
        one.stop()
    assert not complaints, complaints


@pytest.fixture
def start(request, app, h2apps):
    """start(config(…)) runs Sluice and waits until it is ready; each must end cleanly."""
    running = []

    def run(config=None, **how):
        one = Sluice(config, **how)
        running.append(one)
        return one.wait_ready()

    yield run
    failed = getattr(request.node, "failed", False)
    try:
        for one in running:
            one.abandon() if failed and one.alive else one.stop()
    finally:
        for one in running:
            one.abandon()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if call.when == "call" and report.failed:
        item.failed = True


@pytest.fixture(scope="module")
def theatre(request):
    """The module's Stage; MAKE_CONFIG and MAKE_APP in the module may choose another configuration and application."""
    from sluice import config
    make_app = getattr(request.module, "MAKE_APP", None)
    one = Stage(getattr(request.module, "MAKE_CONFIG", config), app=make_app and make_app())
    yield one
    one.end()


@pytest.fixture
def stage(theatre):
    """The module's Stage, set for one scene."""
    theatre.open()
    yield theatre
    theatre.shut()


@pytest.fixture
def nginx():
    """nginx(server="…") starts an nginx as application."""
    running = []

    def run(*arguments, **how):
        running.append(peers.Nginx(*arguments, **how))
        return running[-1]

    yield run
    for one in running:
        one.stop()


@pytest.fixture
def nghttpx():
    """nghttpx(backend, …) starts an nghttpx that speaks HTTP/2 to Sluice."""
    running = []

    def run(*arguments, **how):
        running.append(peers.Nghttpx(*arguments, **how))
        return running[-1]

    yield run
    for one in running:
        one.stop()


@pytest.fixture
def crowd():
    """crowd(url, …) starts load in the background."""
    running = []

    def run(*arguments, **how):
        running.append(peers.Crowd(*arguments, **how))
        return running[-1]

    yield run
    for one in running:
        one.stop()


@pytest.fixture(scope="session")
def authority():
    """The certificate authority of this session."""
    folder = tempfile.mkdtemp(prefix="sluice-certs-")
    yield certificates.Authority(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def gate(start):
    """An event for scripts to wait on; opened at the latest when the test ends, before anything is stopped."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def renewable(authority, tmp_path):
    """A certificate at a fixed path, and a function that renews it there."""
    cert, key = tmp_path / "site.pem", tmp_path / "site.key"

    def renew():
        fresh = authority.leaf("site.test", fresh=True)
        for source, target in ((fresh.key, key), (fresh.cert, cert)):
            shutil.copy(source, f"{target}.new")
            os.rename(f"{target}.new", target)
        return fresh.serial

    return {"cert": str(cert), "key": str(key)}, renew
