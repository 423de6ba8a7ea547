"""The shop's process."""

import logging
import os
import sys
import threading

from aiohttp import web

from rehearsal.shop.app import shop
from rehearsal.shop.settings import Fault, Settings

log = logging.getLogger("shop")


def main() -> None:
    """Serve the shop on 127.0.0.1:$PORT until told to stop."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    try:
        settings = Settings.read(os.environ)
    except ValueError as problem:
        sys.exit(str(problem))
    if settings.fault is Fault.CRASH:
        raise KeyError("PAYMENTS_URL")
    if settings.fault is Fault.HANG:
        log.warning("waiting for the stock database at 10.8.0.3:5432")
        threading.Event().wait()
    web.run_app(shop(settings), host="127.0.0.1", port=settings.port, print=None, access_log=None, shutdown_timeout=1.0)


if __name__ == "__main__":
    main()
