"""A Dask cluster of processes and links that a test kills, freezes and cuts; all of it ends with the test."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

WAITING = 60.0
"""Seconds for a scheduler or a worker to begin in: others may use the cores, too."""


@dataclass(frozen=True)
class Space:
    """A network namespace, joined to this one by a link.

    Attributes:
        name: its name; empty for the network that the test itself is in.
        link: our end of the link.
        here: our address on it.
    """

    name: str = ""
    link: str = ""
    here: str = "127.0.0.1"

    def set_link(self, state: str) -> None:
        """Cut the link (`down`), or mend it (`up`)."""
        ip("link", "set", self.link, state)


@dataclass
class Cluster:
    """A scheduler and four workers, each a process of its own; the last two in namespaces if there are such.

    Attributes:
        address: of the scheduler.
        workers: the processes.
        spaces: where each of them is.
    """

    address: str
    workers: list["subprocess.Popen[bytes]"]
    spaces: list[Space]


def ip(*arguments: str) -> None:
    """Call `ip`, iproute2's command.

    Raises:
        OSError, subprocess.CalledProcessError: it is not there, or may not do that here.
    """
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@contextmanager
def namespaces(count: int) -> Iterator[list[Space]]:
    """Yield network namespaces, each with a link; they are gone afterwards, with whatever still runs in them.

    Raises:
        OSError, subprocess.CalledProcessError: they can't be made here.
    """
    with ExitStack() as made:
        spaces = []
        for number in range(count):
            name, link = f"qs{os.getpid()}n{number}", f"q{os.getpid()}v{number}"
            network = f"10.213.{(os.getpid() + number) % 256}"
            ip("netns", "add", name)
            made.callback(_remove, name, link)
            ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("address", "add", f"{network}.1/30", "dev", link)
            ip("link", "set", link, "up")
            ip("-netns", name, "address", "add", f"{network}.2/30", "dev", "eth0")
            for device in ("lo", "eth0"):
                ip("-netns", name, "link", "set", device, "up")
            ip("-netns", name, "route", "add", "default", "via", f"{network}.1")
            spaces.append(Space(name, link, f"{network}.1"))
        yield spaces


def _remove(name: str, link: str) -> None:
    for arguments in (("link", "delete", link), ("netns", "delete", name)):
        subprocess.run(["ip", *arguments], check=False, capture_output=True)


def why_no_namespaces() -> str:
    """Return why no network namespace can be made here; empty if one can."""
    try:
        with namespaces(1):
            return ""
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no network namespace can be made: {getattr(error, 'stderr', None) or error}".strip()


@contextmanager
def cluster(folder: Path, spaces: list[Space], environment: Mapping[str, str]) -> Iterator[Cluster]:
    """Yield a cluster of four workers, one in every namespace and the others beside this process.

    Args:
        folder: for logs and what Dask keeps.
        spaces: namespaces, two at most.
        environment: of its processes.
    """
    host = spaces[0].here if spaces else "127.0.0.1"
    with socket.create_server((host, 0)) as free:
        address = f"tcp://{host}:{free.getsockname()[1]}"
    with ExitStack() as begun:

        def begin(log: str, command: list[str], until: bytes) -> "subprocess.Popen[bytes]":
            with (folder / log).open("wb") as told:
                process = subprocess.Popen(
                    command, env=environment, stdout=told, stderr=subprocess.STDOUT, cwd=folder, start_new_session=True
                )
            begun.callback(end, process)
            limit = time.monotonic() + WAITING
            while until not in (folder / log).read_bytes():
                assert process.poll() is None, (folder / log).read_text()
                assert time.monotonic() < limit, (folder / log).read_text()
                time.sleep(0.02)
            return process

        dask = [sys.executable, "-m"]
        where = ["--host", host, "--port", address.rpartition(":")[2]]
        begin("scheduler", [*dask, "distributed.cli.dask_scheduler", *where, "--no-dashboard"], b"Scheduler at")
        workers, places = [], [*[Space()] * (4 - len(spaces)), *spaces]
        for number, space in enumerate(places):
            enter = ["ip", "netns", "exec", space.name] if space.name else []
            alone = ["--no-nanny", "--nthreads", "1", "--memory-limit", "0", "--no-dashboard"]
            command = [*enter, *dask, "distributed.cli.dask_worker", address, *alone]
            workers.append(begin(f"worker-{number}", command, b"Registered to"))
        yield Cluster(address, workers, places)


def end(process: "subprocess.Popen[bytes] | subprocess.Popen[str]") -> None:
    """Kill a process, frozen or not, and wait for its end."""
    process.kill()
    process.communicate()
