"""Operators' orders: bans and holds, given to the running process by the command line or over the admin address."""

import json

from sluice import command


def order(sluice, *words):
    """`sluice ban …` or `sluice tenant …`; the CompletedProcess."""
    return command(*words, "--config", sluice.file)


def obeyed(sluice, *words):
    """The same, and it must go well; what it says on standard output."""
    done = order(sluice, *words)
    assert done.returncode == 0, done
    return done.stdout


def asked(sluice, *words):
    """The same with --json; the object."""
    done = order(sluice, *words, "--json")
    told = json.loads(done.stdout)
    assert told["exit_code"] == done.returncode and done.stderr == "", done
    return told


def kill(sluice):
    """As the kernel does it when memory is short: no handler runs, nothing is written."""
    sluice.process.kill()
    sluice.wait_exit()
    sluice.abandon()
