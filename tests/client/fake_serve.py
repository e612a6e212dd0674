"""A process that stands for `fano serve --json`: it serves the fake service until it is told to end."""

import json
import os
import signal
import sys
import threading

from tests.client.fake_service import FakeService, served


def main() -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    if "--fail" in sys.argv:
        sys.stderr.write("the database is on fire\n")
        sys.exit(7)
    print("a line of talk before the event", flush=True)
    with served(FakeService(os.environ["FANO_ADMIN_TOKEN"])) as url:
        print(json.dumps({"event": "listening", "url": url, "admin_token": None}), flush=True)
        stop.wait(120)


if __name__ == "__main__":
    main()
