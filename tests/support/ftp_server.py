"""An FTP server on 127.0.0.1: a store that other processes can write to, and that shows half-written files."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import ThreadedFTPServer

PASSWORD = "not-to-be-shown"


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serves a folder; yields its URL."""
    logging.getLogger("pyftpdlib").setLevel(logging.WARNING)
    accounts = DummyAuthorizer()
    accounts.add_user("ada", PASSWORD, str(folder), perm="elradfmwMT")
    handler = type("Handler", (FTPHandler,), {"authorizer": accounts, "auth_failed_timeout": 0})
    server = ThreadedFTPServer(("127.0.0.1", 0), handler)
    # The server looks every half a second whether it should end.
    thread = Thread(target=server.serve_forever, kwargs={"timeout": 0.5, "handle_exit": False})
    thread.start()
    try:
        yield f"ftp://ada:{PASSWORD}@127.0.0.1:{server.address[1]}"
    finally:
        server.close_all()
        thread.join()
