"""A server as any other project would bring it: `small_server.py PORT [OPTION]`, for tests of started processes.

It counts its requests at `/count` (so that a restart can be told from a resume), and takes: `oom` (ends with CUDA's
text), `slow` (a second until it listens), `never` (never listens), `sick` (answers 500), `deaf` (ignores SIGTERM).
"""

from __future__ import annotations

import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    count = 0

    def do_GET(self) -> None:
        Handler.count += 1
        if self.path == "/die":
            os._exit(7)
        body = {"/count": str(Handler.count), "/where": os.getcwd(), "/given": os.environ.get("GIVEN", "")}.get(
            self.path, "fine"
        )
        self.send_response(500 if "sick" in sys.argv else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    print("loading weights", flush=True)
    if "oom" in sys.argv:
        print("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", flush=True)
        sys.exit(1)
    if "deaf" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600 if "never" in sys.argv else 1 if "slow" in sys.argv else 0)
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
