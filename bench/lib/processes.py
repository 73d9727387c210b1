"""Processes: started on a chosen processor, measured through /proc, ended by the pid that was started."""

import contextlib
import ctypes
import glob
import os
import signal
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1


class Process:
    """A child that never outlives the measurement: ended by stop(), and by the kernel should we be killed."""

    def __init__(self, argv, cpus, directory, environment=None, **pipes):
        self.argv = [str(word) for word in argv]
        libc = ctypes.CDLL(None)

        def in_child():
            os.sched_setaffinity(0, cpus)
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

        # What is not piped is kept, for a process that fails says why on stderr.
        self.log = directory / f"{os.path.basename(self.argv[0])}.log"
        with open(self.log, "ab") as log:
            pipes.setdefault("stdin", subprocess.DEVNULL)
            pipes.setdefault("stdout", log)
            pipes.setdefault("stderr", log)
            self.popen = subprocess.Popen(self.argv, preexec_fn=in_child,
                                          env={**os.environ, **(environment or {})}, **pipes)
        self.pid = self.popen.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def alive(self):
        return self.popen.poll() is None

    def kill(self):
        """As a crash would: nothing is said to those that are connected."""
        self.popen.kill()
        self.popen.wait()

    def stop(self, patience=5):
        """TERM, then KILL; of this process only. Its children follow it, or lose their parent and are told so."""
        if self.alive():
            self.popen.terminate()
            try:
                self.popen.wait(patience)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        for pipe in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if pipe:
                pipe.close()

    def last_words(self):
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return "\n".join(lines[-5:])

    def family(self):
        """This process and all it has started, directly or not."""
        family = [self.pid]
        for member in family:  # grows while it is walked
            for task in glob.glob(f"/proc/{member}/task/*/children"):
                with contextlib.suppress(OSError), open(task, encoding="ascii") as children:
                    family += [int(pid) for pid in children.read().split()]
        return family

    def children(self):
        return set(self.family()) - {self.pid}

    def cpu_seconds(self):
        """User and system time of the family, with what members that have ended left to their parents."""
        ticks = 0
        for pid in self.family():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
                fields = stat.read().rpartition(")")[2].split()  # the name in parentheses may contain anything
                ticks += sum(int(field) for field in fields[11:15])  # utime stime cutime cstime
        return ticks / TICKS

    def memory(self):
        """Proportional and resident memory of the family, in bytes."""
        total = {"pss": 0, "rss": 0}
        for pid in self.family():
            # A member may have ended meanwhile, and takes no memory then.
            with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
                for line in rollup:
                    name, _, rest = line.partition(":")
                    if name.lower() in total:
                        total[name.lower()] += int(rest.split()[0]) * 1024
        return total


def wait_until(condition, patience, what, step=0.002):
    """Waits until condition() is true; returns the seconds that took."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > patience:
            raise RuntimeError(f"{what}: not within {patience} s")
        time.sleep(step)
    return time.monotonic() - start
