"""The cases of h2spec, one by one: what RFC 9113 and RFC 7541 ask of a server.

The tables are in cases_http2_*.py; cases_http2.py says how they are read.
"""

import pytest

import cases_http2_generic
import cases_http2_hpack
import cases_http2_protocol
from http2 import WINDOW, Http2Client
from sluice import config

CASES = cases_http2_generic.CASES + cases_http2_protocol.CASES + cases_http2_hpack.CASES


def MAKE_CONFIG(app):
    return config(app, listeners={"http": "127.0.0.1:0", "h2c": {"address": "127.0.0.1:0", "protocols": ["h2c"]}})


@pytest.mark.parametrize("case", CASES, ids=str)
def test_conforms(stage, case):
    with Http2Client(stage.sluice["h2c"], shake=False, strict=False) as peer:
        if case.shake:
            peer.shake_hands(initial_window_size=WINDOW)
        for step in case.steps:
            sent = step(peer) if callable(step) else step
            if sent:
                peer.try_send(sent)


def test_all_of_them_are_there():
    """146, and the one that h2spec runs with --strict only."""
    assert len({case.name for case in CASES}) == len(CASES) == 147
