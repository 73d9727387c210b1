"""A stage for the table-driven tests: one Sluice before one scripted application, for many short scenes.

A scene that kills Sluice fails alone; the next scene gets a new one.
"""

import itertools

from client import RawClient
from sluice import HARM, Sluice, config
from upstream import ScriptedUpstream


class Stage:
    def __init__(self, make_config=config, env=None, app=None):
        self.make_config = make_config
        self.env = env
        self.app = app or ScriptedUpstream()
        self.sluice = None
        self.numbers = itertools.count(1)
        self.harm_seen = 0

    def open(self):
        """Before each scene: Sluice runs, the application remembers nothing."""
        if self.sluice is None or not self.sluice.alive:
            self.sluice = Sluice(self.make_config(self.app), env=self.env).wait_ready()
            self.harm_seen = 0
        self.app.scripts.clear()
        self.app.complaints.clear()

    def shut(self):
        """After each scene: nobody was harmed, and Sluice sent the application nothing malformed."""
        broken = None
        harm = len(HARM.findall(self.sluice.log))
        if not self.sluice.alive:
            broken = f"sluice died with {self.sluice.process.returncode}:\n{self.sluice.log[-6000:]}"
            self.sluice.abandon()
        elif harm > self.harm_seen:
            self.harm_seen = harm
            broken = f"sluice came to harm:\n{self.sluice.log[-6000:]}"
        assert not broken, broken
        assert not self.app.complaints, self.app.complaints

    def connect(self, **how):
        return RawClient(self.sluice["http"], **how)

    def seen(self):
        """How many request heads, and bytes, the application has been sent so far."""
        return len(self.app.visits), self.app.bytes_received

    def curtain_call(self):
        """An honest visitor comes; returns how many bytes the application was sent for it.

        Two uses: Sluice still serves, and whatever an earlier visitor caused has reached the application
        by now or never will.
        """
        path = f"/curtain-call-{next(self.numbers)}"
        with self.connect() as client:
            answer = client.get(path, "Connection: close")
        assert answer.status == 200, f"the next visitor got {answer.status} {answer.body!r}"
        visit = self.app.last(path)
        return len(visit.request.raw_head)

    def nothing_since(self, before):
        """Asserts that since `before` (from seen()) the application was sent nothing at all."""
        visits, count = before
        sent = self.curtain_call()
        strangers = [v.request.start_line for v in self.strangers(visits)]
        assert not strangers, f"the application was asked: {strangers}"
        extra = self.app.bytes_received - count - sent
        assert extra == 0, f"the application was sent {extra} bytes: {self.recently(count)!r}"

    def no_complete_since(self, before):
        """Asserts that since `before` the application was sent at most a message that breaks off."""
        visits, _ = before
        self.curtain_call()
        for visit in self.strangers(visits):
            self.app.wait_done(visit)
            assert not visit.request.complete, (
                f"the application took {visit.request.start_line} for complete, body {visit.request.body!r}")

    def strangers(self, since):
        """Visits after the first `since`, but for our own curtain calls."""
        return [v for v in self.app.visits[since:] if not v.request.path.startswith("/curtain-call-")]

    def recently(self, _):
        return b" | ".join(c.received[-500:] for c in self.app.connections[-3:])

    def end(self):
        try:
            if self.sluice:
                self.sluice.stop()
        finally:
            self.app.stop()
