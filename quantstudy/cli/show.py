"""What `quantstudy show` does once its arguments are read: print where the page is, and serve it."""

import errno
from pathlib import Path

from quantstudy.engine.show import site_of
from quantstudy.errors import BadInput
from quantstudy.show.serve import PageServer

WHY = {
    errno.EADDRINUSE: "another program listens there; take another one, or none for one that is free",
    errno.EACCES: "the system does not permit it; take one from 1024 on, or none for one that is free",
}
"""Why a port can't be had, by the error's number."""


def do_show(folder: Path, port: int) -> None:
    """Serve a run's page on this machine, and print where, until it is interrupted.

    Args:
        folder: of a run, begun or finished.
        port: where; 0 for one that the system chooses.

    Raises:
        BadInput: no run there, or the port is taken.
        StudyFailure: a record of a finished run is missing or damaged.
    """
    with server_of(folder, port) as server:
        print(f"http://127.0.0.1:{server.port}/", flush=True)
        server.serve_forever()


def server_of(folder: Path, port: int) -> PageServer:
    """Return the server of a run, which listens already; see `do_show`."""
    site = site_of(folder)
    try:
        return PageServer(site, port)
    except OSError as error:
        if port and error.errno in WHY:
            raise BadInput("port", port, WHY[error.errno]) from None
        raise
