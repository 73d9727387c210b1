"""conf/container: nothing can be built or pulled here, so the files are taken apart and held to what Sluice does."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from documents import furnished
from sluice import ROOT, Sluice, binary, command

FOLDER = ROOT / "conf/container"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
OBJECTS = {one["kind"]: one for one in yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())}
POD = OBJECTS["Deployment"]["spec"]["template"]["spec"]
CONTAINER, = POD["containers"]
CONFIGURATIONS = {"compose": (FOLDER / "sluice.yaml").read_text(),
                  "kubernetes": OBJECTS["ConfigMap"]["data"]["sluice.yaml"]}


def instructions():
    """The Dockerfile as (word, arguments), stage by stage."""
    text = re.sub(r"^\s*#.*\n", "", (FOLDER / "Dockerfile").read_text(), flags=re.M).replace("\\\n", " ")
    stages = []
    for line in filter(None, text.splitlines()):
        word, _, arguments = line.partition(" ")
        assert word.isupper(), line
        if word == "FROM":
            stages.append([])
        stages[-1].append((word, arguments.strip()))
    return stages


BUILD, IMAGE = instructions()


def arguments(word, stage=None):
    """The arguments of each such instruction of the image."""
    return [said for name, said in (stage or IMAGE) if name == word]


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def drain(configuration):
    return seconds(yaml.safe_load(configuration)["timeouts"]["drain"])


@pytest.fixture
def room(tmp_path, authority):
    def check(name):
        file = tmp_path / "sluice.yaml"
        file.write_text(furnished(CONFIGURATIONS[name], tmp_path, authority))
        return command("check", "--config", file)

    return check


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_configuration_passes_check(room, name):
    done = room(name)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_no_port_needs_a_right(name):
    ports = listener_ports(name)
    assert ports and min(ports) >= 1024


def listener_ports(name):
    listeners = yaml.safe_load(CONFIGURATIONS[name])["listeners"].values()
    return {int((one if isinstance(one, str) else one["address"]).rpartition(":")[2]) for one in listeners}


# --- the image ------------------------------------------------------------------------------------------------

def test_the_image_is_slim_and_has_no_compiler():
    assert arguments("FROM") == ["debian:12-slim"] and arguments("FROM", BUILD) == ["debian:12-slim AS build"]
    assert "--from=build" in " ".join(arguments("COPY"))
    assert not re.search(r"-dev\b|g\+\+|cmake", " ".join(arguments("RUN")))


def test_what_the_build_copies_and_calls_is_there():
    """Paths in the repository; the programs are installed by the rule that `make install` uses."""
    for stage in (BUILD, IMAGE):
        for said in arguments("COPY", stage):
            if not said.startswith("--from"):
                assert all((ROOT / source).exists() for source in said.split()[:-1]), said
    called = " ".join(arguments("RUN", BUILD))
    assert "cmake/install-packages build" in called and "cmake --install build/release" in called


def test_the_image_has_every_library():
    """What our programs are linked with, package by package, as Debian names them."""
    programs = [binary(name) for name in ("sluice", "sluice-origin", "sluice-bench") if Path(binary(name)).exists()]
    linked = "".join(subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
                     for program in programs)
    files = {str(Path(path).resolve()) for path in re.findall(r"=> (/\S+)", linked)}
    named = subprocess.run(["dpkg", "-S", *files], capture_output=True, text=True, check=False).stdout
    packages = set(re.findall(r"^([^:,\s]+)[:,]", named, re.M))
    assert "libssl3" in packages
    # Of every Debian, or of the sanitisers of a development build; or what others depend on.
    others = r"libc6|libgcc-s1|libasan|libubsan|libtsan|libunistring|libboost-container"
    ours = {name for name in packages if not re.match(others, name)}
    installed = re.search(r"apt-get install -y --no-install-recommends (.*?) &&", " ".join(arguments("RUN")))[1].split()
    assert not ours - set(installed)


def test_nobody_runs_as_root_and_signals_arrive():
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", arguments("USER")[-1])
    # A shell in between would keep the signals for itself.
    assert arguments("ENTRYPOINT") == ['["sluice"]'] and arguments("CMD") == ['["run"]']
    assert arguments("STOPSIGNAL") == ["SIGTERM"]
    assert listener_ports("compose") <= {int(port) for port in arguments("EXPOSE")[0].split()}


def health_commands():
    said = arguments("HEALTHCHECK")[0]
    yield yaml.safe_load(said.partition("CMD ")[2])
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        yield CONTAINER[probe]["exec"]["command"]


def test_the_health_check_tells(app, tmp_path):
    """It succeeds while Sluice runs, whatever its servers do, and fails when it does not."""
    for words in health_commands():
        assert words[0] == "sluice" and not {"--config", "-c"} & set(words)
    asked = {tuple(words[1:]) for words in health_commands()}
    file = tmp_path / "sluice.yaml"
    socket = f"/tmp/sluice-{tmp_path.name[-20:]}.sock"
    file.write_text(f'version: 1\nlisteners: {{ http: "127.0.0.1:0" }}\nadmin: "unix:{socket}"\n'
                    f'pools: {{ app: {{ servers: ["127.0.0.1:1"] }} }}\nroutes: [{{ pool: app }}]\n')
    assert all(command(*words, "--config", file).returncode != 0 for words in asked)
    sluice = Sluice(arguments=["run", "--config", str(file)]).wait_ready()
    try:
        assert all(command(*words, "--config", file).returncode == 0 for words in asked)
    finally:
        sluice.stop()


# --- Compose --------------------------------------------------------------------------------------------------

def test_compose_runs_two_applications_behind_it():
    services = COMPOSE["services"]
    servers = [server for pool in yaml.safe_load(CONFIGURATIONS["compose"])["pools"].values()
               for server in pool["servers"]]
    assert len(servers) == 2
    for server in servers:
        name, _, port = server.rpartition(":")
        assert services[name]["entrypoint"][:3] == ["sluice-origin", "--listen", f"0.0.0.0:{port}"]
        assert services[name]["command"] == ["--name", name] and name in services["sluice"]["depends_on"]
    for published in services["sluice"]["ports"]:
        assert int(published.rpartition(":")[2]) in listener_ports("compose")


def test_compose_lets_it_drain():
    sluice = COMPOSE["services"]["sluice"]
    assert seconds(sluice["stop_grace_period"]) > drain(CONFIGURATIONS["compose"])
    build = sluice["build"]
    assert (FOLDER / build["context"]).resolve() == ROOT and (ROOT / build["dockerfile"]).exists()
    assert "/run/sluice" in sluice["tmpfs"][0] and f"uid={arguments('USER')[-1].split(':')[0]}" in sluice["tmpfs"][0]


# --- Kubernetes -----------------------------------------------------------------------------------------------

def test_the_objects_belong_together():
    assert set(OBJECTS) == {"ConfigMap", "Deployment", "Service", "PodDisruptionBudget"}
    labels = OBJECTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for selector in (OBJECTS["Deployment"]["spec"]["selector"]["matchLabels"], OBJECTS["Service"]["spec"]["selector"],
                     OBJECTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]):
        assert selector.items() <= labels.items()
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    assert set(ports.values()) == listener_ports("kubernetes")
    assert {port["targetPort"] for port in OBJECTS["Service"]["spec"]["ports"]} == set(ports)
    volumes = {volume["name"]: volume for volume in POD["volumes"]}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in CONTAINER["volumeMounts"]}
    assert set(volumes) == {mount["name"] for mount in CONTAINER["volumeMounts"]}
    assert mounts["/etc/sluice"]["configMap"]["name"] == OBJECTS["ConfigMap"]["metadata"]["name"]
    assert "emptyDir" in mounts["/run/sluice"], "the admin socket needs a place"
    for pair in yaml.safe_load(CONFIGURATIONS["kubernetes"])["tls"]["certificates"]:
        assert {str(Path(pair[kind]).parent) for kind in ("cert", "key")} <= set(mounts)


def test_kubernetes_lets_it_drain():
    wait = int(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1])
    assert POD["terminationGracePeriodSeconds"] > wait + drain(CONFIGURATIONS["kubernetes"])


def test_it_asks_for_no_rights():
    user = int(arguments("USER")[-1].split(":")[0])
    assert POD["securityContext"]["runAsNonRoot"] and POD["securityContext"]["runAsUser"] == user
    own = CONTAINER["securityContext"]
    assert own["allowPrivilegeEscalation"] is False and own["readOnlyRootFilesystem"] is True
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert CONTAINER["args"][0] == "run"


def test_as_many_workers_as_it_may_use():
    assert yaml.safe_load(CONFIGURATIONS["kubernetes"])["workers"] == int(CONTAINER["resources"]["limits"]["cpu"])
