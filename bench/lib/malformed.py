"""What passes of the requests that the tests hold for malformed or ambiguous (tests/e2e/cases_requests_*.py).

Not all of them break the RFC: some are merely what two programs could read differently, which Sluice refuses too. The
application is the tests' own, which takes nothing that is not well formed and knows whether a message was complete.
"""

import http.client
import socket
import sys
from pathlib import Path

from lib.proxy import Plan

TESTS = Path(__file__).resolve().parents[2] / "tests"
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS / "support")]

import cases_requests_framing  # noqa: E402
import cases_requests_syntax  # noqa: E402
import cases_requests_targets  # noqa: E402
from upstream import ScriptedUpstream  # noqa: E402

CASES = cases_requests_framing.CASES + cases_requests_syntax.CASES + cases_requests_targets.CASES
FATES = ("refused", "passed on", "broken off", "left open")
PATIENCE = 1  # seconds for an answer; a proxy that says nothing waits for more
CURTAIN_CALL = "/curtain-call"


def malformed(bench):
    """For each proxy, how many of the requests met which fate."""
    figures, runs = {}, []
    for name in bench.http1_subjects:
        app = ScriptedUpstream()
        try:
            with bench.running(name, Plan(servers=(app.address,))) as (proxy, _):
                fates = {case.name: fate_of(case, proxy.plain_port, app) for case in CASES}
        finally:
            app.stop()
        counts = {fate: list(fates.values()).count(fate) for fate in FATES}
        figures[name] = {"requests": len(CASES), **counts}
        runs.append({"subject": name, **counts, "fates": fates})
    return {"title": f"{len(CASES)} malformed or ambiguous requests", "figures": figures, "runs": runs}


def fate_of(case, port, app):
    """Sends the case; tells what became of it.

    Passed on: the application was sent a whole message, or one that is none. Broken off: a part of one, and it could
    see that. Left open: no answer came, for more was waited for.
    """
    visits, complaints = len(app.visits), len(app.complaints)
    answered = ask(case.request, port)
    # Whatever the case caused has arrived when a later request has.
    show_up(port)
    strangers = [visit for visit in app.visits[visits:] if visit.request.path != CURTAIN_CALL]
    if any(visit.request.complete for visit in strangers) or len(app.complaints) > complaints:
        return "passed on"
    if strangers:
        return "broken off"
    return "refused" if answered else "left open"


def ask(request, port):
    """Whether there was an answer, or the end of the connection, which is one too."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        try:
            client.sendall(request)
            client.recv(65536)
        except TimeoutError:
            return False
        except OSError:  # reset
            pass
    return True


def show_up(port):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    client.request("GET", CURTAIN_CALL, headers={"Host": "app.test", "Connection": "close"})
    if client.getresponse().status != 200:
        raise RuntimeError("a good request after a malformed one was not answered")
    client.close()
