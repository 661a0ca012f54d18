"""The gateway in a process of its own. `serve.py PORT UPSTREAM_URL HOME`"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    import uvicorn

    from backends.llm.gateway.app import create_gateway
    from backends.llm.gateway.fixed_upstream import FixedUpstream
    from configs.settings import load_settings

    port, upstream, home = sys.argv[1:4]
    settings = load_settings(home=Path(home), gateway={"max_running": 256, "max_waiting": 2000})
    app = create_gateway(settings, FixedUpstream(upstream, ("fake",)))
    uvicorn.run(app, host="127.0.0.1", port=int(port), access_log=False, log_level="warning", timeout_keep_alive=60)


if __name__ == "__main__":
    main()
