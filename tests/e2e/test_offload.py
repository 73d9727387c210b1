"""The threads for slow work: the process owns some, and starts none before somebody asks."""

from pathlib import Path

from sluice import config


def threads(sluice):
    return {task.joinpath("comm").read_text().strip() for task in Path(f"/proc/{sluice.pid}/task").iterdir()}


def test_its_metrics_are_there_and_its_threads_are_not(start, app):
    sluice = start(config(app))
    assert sluice.get().status == 200
    told = sluice.admin("/metrics").body.decode().splitlines()
    assert "sluice_offload_queue_depth 0" in told
    assert "sluice_offload_rejected_total 0" in told
    names = threads(sluice)
    assert "worker-0" in names
    assert not [name for name in names if name.startswith("offload")]
