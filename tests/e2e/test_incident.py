"""What is needed while something is wrong: the verbs beside a broken file, refusals that are found again in the log, and bounds on what trouble may log."""

import json
import os
import re
import resource
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from client import connect
from pools import QUICK, Health, checked, look, pools, wait_state
from ports import closed_port
from sluice import binary, command, config, environment, write_config
from waiting import wait_until

SHAPE = {"file", "line", "column", "path", "message", "hint"}
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def told(done):
    """What a verb said with --json: one object, nothing else, with the exit code and findings of one shape."""
    assert done.stderr == "", done.stderr
    out = json.loads(done.stdout)
    assert out["exit_code"] == done.returncode
    assert all(set(one) == SHAPE for one in out["errors"] + out["warnings"])
    assert bool(out["errors"]) == (done.returncode != 0)
    return out


def yaml(sluice, servers, tail=""):
    """A file as people write them."""
    listed = "\n".join(f'      - "{server.address}"' for server in servers)
    return (f"version: 1\nlisteners:\n  http: 127.0.0.1:0\nadmin: unix:{sluice.folder}/admin.sock\n"
            f"timeouts: {{ drain: 2s }}\npools:\n  app:\n    servers:\n{listed}\nroutes:\n  - {{ pool: app }}\n{tail}")


# --- the play ------------------------------------------------------------------------------------------------

def test_an_incident(start, apps):
    """Somebody edits the file, a server dies meanwhile: it is seen, taken out, the edit is refused, mended and applied."""
    one, two = apps(name="one"), apps(name="two")
    health = Health(one), Health(two)
    sluice = start(checked(one, two, health=QUICK, log={"format": {"process": "json"}}))
    half = sluice.file.read_text()
    sluice.file.write_text(half[:len(half) * 3 // 4] + '\n "broken: [')

    health[1].well = False
    wait_state(sluice, two, "down")
    seen = command("pool", "--config", sluice.file)
    assert seen.returncode == 0 and "warning: " in seen.stderr and "going by the admin address in it" in seen.stderr
    assert re.search(rf"{two.address} +down: check failed: status 500", seen.stdout)
    out = told(command("pool", "drain", "app", two.address, "--json", "--config", sluice.file))
    assert out["state"] == "drain" and out["warnings"][0]["file"] == str(sluice.file)
    assert look(sluice, two)["state"] == "drain" and sluice.get().get("X-Origin") == "one"

    since = sluice.mark()
    out = told(command("reload", "--json", "--config", sluice.file))
    assert (out["exit_code"], out["result"], out["generation"]) == (1, "refused", 1)
    record = json.loads(sluice.wait_log(r'.*"event":"reload".*', since)[0])
    assert record["level"] == "error" and record["errors"] == out["errors"] and record["file"] == str(sluice.file)
    assert sluice.get().status == 200

    sluice.write(checked(one, health=QUICK, log={"format": {"process": "json"}}))
    since = sluice.mark()
    out = told(command("reload", "--json", "--config", sluice.file))
    assert (out["exit_code"], out["result"], out["generation"], out["file"]) == (0, "applied", 2, str(sluice.file))
    assert json.loads(sluice.wait_log(r'.*"event":"reload".*', since)[0])["result"] == "applied"
    assert [s["server"] for s in pools(sluice)["app"]["servers"]] == [one.address]
    assert all(json.loads(line)["ts"] for line in sluice.lines if line)


# --- only the admin address is needed ------------------------------------------------------------------------

HALF = {
    "an unknown key": lambda text: text + "frobnicate: 1\n",
    "a wrong value": lambda text: text.replace("drain: 2s", "drain: soon"),
    "a missing variable": lambda text: text.replace("{ pool: app }", "{ pool: ${SLUICE_TEST_NOWHERE} }"),
    "an open list": lambda text: text + "trusted_proxies: [\n",
    "an open list before it": lambda text: text.replace("version: 1", "trusted_proxies: [10.0.0.0/8"),
    "an open quote before it": lambda text: text.replace("version: 1", 'cdn_loop: "x\nversion: 1'),
    "a tab": lambda text: text.replace("  app:", "\tapp:"),
    "no admin file include": lambda text: text.replace("version: 1", "version: 9"),
    "a conflict of git": lambda text: text.replace("pools:", "<<<<<<< HEAD\npools:\n=======\n>>>>>>> other"),
    "a key twice": lambda text: text + "pools: {}\n",
    "half of it": lambda text: text[:text.index("servers:") + 4],
    "bytes": lambda text: text + "\0\x01",
}


@pytest.mark.parametrize("name", HALF)
def test_a_half_edited_file(start, app, name):
    sluice = start(config(app))
    sluice.file.write_text(HALF[name](yaml(sluice, [app])))
    done = command("pool", "--config", sluice.file)
    assert done.returncode == 0 and app.address in done.stdout, done.stderr
    assert command("pool", "drain", "app", app.address, "--config", sluice.file).returncode == 0
    assert look(sluice, app)["state"] == "drain"
    since = sluice.mark()
    out = told(command("reload", "--json", "--config", sluice.file))
    assert out["exit_code"] == 1 and out["result"] == "refused"
    sluice.wait_log("error reload refused, generation 1 keeps running", since)


@pytest.mark.parametrize("what", ["gone", "a directory"])
def test_a_named_file_that_cannot_be_read_ends_it(tmp_path, what):
    """A name that is mistyped must not lead to another process, by the packaged address."""
    if what == "a directory":
        (tmp_path / "typo.yaml").mkdir()
    for words in (["pool"], ["pool", "drain", "app", "127.0.0.1:1"], ["reload"]):
        done = command(*words, "-c", tmp_path / "typo.yaml")
        assert done.returncode == 1 and "typo.yaml: cannot be read: " in done.stderr
        assert "admin.sock" not in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("how", ["empty", "nothing of it"])
def test_a_file_that_says_nothing(start, app, tmp_path, how):
    """Then --admin says where the process is; without it the packaged address is tried, and that is said."""
    sluice = start(config(app))
    file = tmp_path / "other.yaml"
    {"empty": file.touch, "nothing of it": lambda: file.write_text("}{\n")}[how]()
    done = command("pool", "--config", file)
    assert done.returncode == 4 and "warning: " in done.stderr and "/run/sluice/admin.sock" in done.stderr
    for words in (["pool"], ["pool", "drain", "app", app.address], ["reload"]):
        done = command(*words, "--admin", sluice["admin"])
        assert (done.returncode, done.stderr) == (0, "")
    assert look(sluice, app)["state"] == "drain"


def test_an_admin_address_that_is_none():
    for words in (["pool"], ["reload"]):
        done = command(*words, "--admin", "nonsense")
        assert done.returncode == 2 and "--admin: " in done.stderr
        assert told(command(*words, "--admin", "0.0.0.0:99", "--json"))["exit_code"] == 2


# --- nobody there --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("words", [["pool"], ["pool", "drain", "app", "127.0.0.1:1"], ["reload"]], ids=" ".join)
def test_why_nobody_answers(tmp_path, words):
    stale = tmp_path / "stale.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(stale))
    for address, why in ((f"unix:{tmp_path}/none.sock", "No such file or directory"), (f"unix:{stale}", "Connection refused"),
                         (f"127.0.0.1:{closed_port()}", "Connection refused")):
        done = command(*words, "--admin", address)
        assert done.returncode == 4 and f"cannot reach the running process at {address}: {why}" in done.stderr
        out = told(command(*words, "--admin", address, "--json"))
        assert why in out["errors"][0]["message"] and address in out["errors"][0]["message"]


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed")
def test_who_may_not(start, app, tmp_path_factory):
    folder = tmp_path_factory.mktemp("closed")
    folder.chmod(0o700)
    sluice = start(config(app, admin=f"unix:{folder}/a.sock"))
    done = subprocess.run([binary(), "pool", "--admin", f"unix:{folder}/a.sock"], user="nobody", extra_groups=[], cwd="/",
                          capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == 4 and "Permission denied (as user nobody)" in done.stderr
    sluice.assert_unharmed()


def test_a_process_that_hangs(start, app):
    """The verb ends all the same."""
    sluice = start(config(app))
    sluice.process.send_signal(signal.SIGSTOP)
    try:
        out = told(command("pool", "--json", "--admin", sluice["admin"]))
        assert out["exit_code"] == 4 and "no answer within" in out["errors"][0]["message"]
    finally:
        sluice.process.send_signal(signal.SIGCONT)


# --- which file ----------------------------------------------------------------------------------------------

def test_a_reload_by_the_wrong_file_is_refused(start, app, tmp_path):
    """Two files, one admin address: what is named must be what runs."""
    sluice = start(config(app))
    other = tmp_path / "second.yaml"
    other.write_text(sluice.file.read_text())
    done = command("reload", "--config", other)
    assert done.returncode == 1 and f"this process runs {sluice.file}, not {other}" in done.stderr
    out = told(command("reload", "--config", other, "--json"))
    assert out["result"] == "refused" and out["file"] == str(sluice.file)
    sluice.wait_log("reload refused")
    assert "reload applied" not in sluice.log


def test_a_reload_says_which_file(start, app, tmp_path):
    """By whatever name it goes; and without a name it is the one that runs."""
    sluice = start(config(app))
    link = tmp_path / "link.yaml"
    link.symlink_to(sluice.file)
    for number, words in enumerate([["--config", sluice.file], ["--config", link], ["--admin", sluice["admin"]]]):
        done = command("reload", *words)
        which = f": {sluice.file}" if "--admin" in words else ""
        assert (done.returncode, done.stdout) == (0, f"applied, generation {number + 2}{which}\n")
    done = command("reload", "sluice.yaml", cwd=sluice.folder)
    assert done.returncode == 0


def test_a_file_that_was_taken_away(start, app):
    sluice = start(config(app))
    sluice.file.unlink()
    out = told(command("reload", sluice.file, "--admin", sluice["admin"], "--json"))
    assert out["exit_code"] == 1 and "No such file" in out["errors"][0]["message"]
    assert out["errors"][0]["file"] == str(sluice.file)


# --- every refusal is a record -------------------------------------------------------------------------------

REFUSED = {
    "syntax": lambda sluice, app: yaml(sluice, [app], "trusted_proxies: [\n"),
    "values": lambda sluice, app: config(app, timeouts={"idle": "soon"}),
    "names": lambda sluice, app: config(app, routes=[{"pool": "nowhere"}]),
    "a taken port": lambda sluice, app: config(app, listeners={"http": app.address}),
    "a certificate": lambda sluice, app: config(app, listeners={"http": {"address": "127.0.0.1:0", "tls": True}},
                                                tls={"certificates": [{"cert": "/nowhere.pem", "key": "/nowhere.key"}]}),
    "the access log": lambda sluice, app: config(app, log={"access": f"{sluice.folder}/none/access.log"}),
}


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_reload(start, app, name, form):
    """Answered in the form that was asked for, and one record of the log whoever asked; each line of it has its time."""
    sluice = start(config(app, log={"format": {"process": form}}))
    sluice.write(REFUSED[name](sluice, app))
    done = command("reload", "--config", sluice.file)
    assert done.returncode == 1 and not done.stdout and "refused, generation 1 keeps running" in done.stderr
    errors = told(command("reload", "--json", "--config", sluice.file))["errors"]
    sluice.process.send_signal(signal.SIGHUP)
    wait_until(lambda: sluice.log.count("reload refused") == 3, "three records")
    sluice.write(config(app, log={"format": {"process": form}}))
    assert sluice.reload().returncode == 0
    lines = [line for line in sluice.lines if line]
    if form == "json":
        records = [one for one in map(json.loads, lines) if one.get("event") == "reload"]
        assert [one["result"] for one in records] == ["refused"] * 3 + ["applied"]
        assert all(one["errors"] == errors for one in records[:3])
        assert set(records[0]) == {"ts", "level", "message", "event", "result", "generation", "file", "errors", "warnings"}
    else:
        assert all(re.match(rf"{STAMP} (info|warn|error) ", line) for line in lines), lines
        heads = [at for at, line in enumerate(lines) if "reload refused" in line]
        assert all(errors[0]["message"] in lines[at + 1] for at in heads)


def test_a_start_that_fails_is_a_record_too(app, tmp_path):
    """Where programs read the log; a person gets the lines of `check`."""
    for form in ("json", "text"):
        file = write_config(tmp_path / "sluice.yaml", config(app, listeners={"http": app.address}, log={"format": {"process": form}}))
        done = command("run", "--config", file)
        assert done.returncode == 1
        if form == "text":
            assert re.search(r"^\S+sluice\.yaml:\d+:\d+: listeners\.http: cannot listen", done.stderr, re.M)
        else:
            record = json.loads(done.stderr.splitlines()[-1])
            assert record["event"] == "start" and record["errors"][0]["path"] == "listeners.http"


def test_the_form_of_the_log_changes_with_a_reload(start, app):
    sluice = start(config(app))
    for form in ("json", "text"):
        assert sluice.reload(config(app, log={"format": {"access": "combined", "process": form}})).returncode == 0
        last = [line for line in sluice.lines if line][-1]
        assert last.startswith("{") == (form == "json")


def test_a_word_alone_is_the_access_logs(start, app, tmp_path):
    sluice = start(config(app, log={"access": str(tmp_path / "a.log"), "format": "json"}))
    assert re.match(rf"{STAMP} info ready", sluice.lines[-1])
    file = write_config(tmp_path / "bad.yaml", config(app, log={"format": {"process": "combined"}}))
    done = command("check", file)
    assert done.returncode == 1 and "log.format.process: " in done.stderr


# --- --json is JSON ------------------------------------------------------------------------------------------

VERBS = {
    "version": (0, ["version", "--json"]),
    "check": (0, ["check", "--json", "FILE"]),
    "check what is not there": (1, ["check", "--json", "/nowhere.yaml"]),
    "reload": (0, ["reload", "--json", "FILE"]),
    "reload by the wrong file": (1, ["reload", "--json", "--admin", "ADMIN", "/nowhere.yaml"]),
    "pool": (0, ["pool", "--json", "--config", "FILE"]),
    "drain": (0, ["pool", "drain", "app", "SERVER", "--json", "--config", "FILE"]),
    "drain nobody": (1, ["pool", "drain", "app", "127.0.0.1:1", "--json", "--config", "FILE"]),
    "drain nowhere": (1, ["pool", "drain", "none", "SERVER", "--json", "--config", "FILE"]),
    "pool of nobody": (4, ["pool", "--json", "--admin", "unix:/nowhere/admin.sock"]),
    "reload of nobody": (4, ["reload", "--json", "--admin", "unix:/nowhere/admin.sock"]),
    "nothing": (2, ["--json"]),
    **{f"{verb} --bogus": (2, [verb, "--json", "--bogus"]) for verb in
       ("run", "proxy", "check", "reload", "pool", "version", "help", "completion", "frobnicate")},
    "run": (2, ["run", "--json", "FILE"]),
    "proxy": (2, ["proxy", "--json", "--from", ":0", "--to", "127.0.0.1:1"]),
    "a word too many": (2, ["reload", "--json", "FILE", "FILE"]),
    "half a drain": (2, ["pool", "drain", "--json"]),
    "no value": (2, ["pool", "--json", "--admin"]),
}


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_in_json(stage, name):
    code, words = VERBS[name]
    known = {"FILE": stage.sluice.file, "ADMIN": stage.sluice["admin"], "SERVER": stage.app.address}
    done = command(*(known.get(word, word) for word in words))
    assert told(done)["exit_code"] == code


# --- the log is bounded --------------------------------------------------------------------------------------

def test_out_of_descriptors_is_said_once(start, app):
    """However many workers and listeners run out of them together."""
    sluice = start(config(app, workers=8, listeners={f"l{n}": "127.0.0.1:0" for n in range(4)}, admin="off",
                          timeouts={"upstream_idle": "100ms"}))
    before = len(os.listdir(f"/proc/{sluice.pid}/fd"))
    assert sluice.get(listener="l0").status == 200  # UBSan needs a pipe to look at a type that it has not seen before
    wait_until(lambda: len(os.listdir(f"/proc/{sluice.pid}/fd")) <= before, "the connections to be gone")
    limits = resource.prlimit(sluice.pid, resource.RLIMIT_NOFILE)
    held = []
    resource.prlimit(sluice.pid, resource.RLIMIT_NOFILE, (4, limits[1]))
    try:
        for _ in range(16):
            held += [connect(sluice[f"l{n}"]) for n in range(4)]
        sluice.wait_log(r"cannot accept on listener \S+: Too many open files")
        times = sluice.wait_log(r"cannot accept on .* \((\d+) times since it was last said\)")[1]
        assert int(times) > 8 and sluice.log.count("cannot accept on") == 2
    finally:
        resource.prlimit(sluice.pid, resource.RLIMIT_NOFILE, limits)
        for one in held:
            one.close()
    wait_until(lambda: sluice.log.count("accepting on listener") >= 1, "the end of it")
    assert sluice.log.count("accepting on listener") == 1


def test_a_server_that_flaps_does_not_fill_the_log(start, app):
    """The first changes one by one, then with a count, and what lasts is said in the end."""
    health = Health(app)
    sluice = start(checked(app, health={**QUICK, "rise": 1, "fall": 1}))
    for _ in range(20):
        for well in (False, True):
            health.well = well
            wait_state(sluice, app, "up" if well else "down")
    assert sluice.log.count(f"server {app.address} is down") <= 14
    since = sluice.mark()
    health.well = False
    sluice.wait_log(f"server {app.address} is down: ", since)


def test_an_access_log_that_gets_room_again(start, app, tmp_path):
    """A full disk, then one that is not: told once, and when it is over, with the number."""
    log = tmp_path / "access.log"
    log.symlink_to("/dev/full")
    sluice = start(config(app, log={"access": str(log)}))
    assert sluice.get().status == 200
    sluice.wait_log(r"warn access log .*: No space left on device; lines dropped: 1$")
    log.unlink()
    sluice.process.send_signal(signal.SIGUSR1)
    wait_until(log.exists, "the file")
    assert sluice.get().status == 200
    sluice.wait_log(r"info access log .*: lines are written again; dropped: 1$")
    assert sluice.log.count("lines dropped") == 1


def test_who_writes_logs_is_not_nice(start, app, tmp_path):
    """Steering is, and what it opens in a reload must not be."""
    def niceness():
        out = {}
        for stat in Path(f"/proc/{sluice.pid}/task").glob("*/stat"):
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            out.setdefault(name, []).append(int(rest.split()[16]))
        return out

    sluice = start(config(app))
    assert sluice.reload(config(app, log={"access": str(tmp_path / "access.log")})).returncode == 0
    found = niceness()
    usual = os.getpriority(os.PRIO_PROCESS, sluice.pid)
    assert found["log-writer"] == [usual] * 2
    assert max(nice for all_of in found.values() for nice in all_of) == usual + 10
