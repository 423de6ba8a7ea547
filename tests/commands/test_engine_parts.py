"""What keeps running is watched: a part that ends by itself is named."""

import asyncio
import sys
from pathlib import Path

from commands.engine import Engine


def test_the_part_that_ended_is_told_with_its_log_and_the_others_go_on() -> None:
    async def story() -> str:
        engine = Engine("http://127.0.0.1:1/api", {})
        for name, code in (
            ("the Prefect server", "import time; time.sleep(60)"),
            ("the worker", "raise SystemExit(3)"),
        ):
            process = await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", code)
            engine.parts[name] = (process, Path(f"{name.split()[-1]}.log"))
        try:
            return await asyncio.wait_for(engine.ended(), 20)
        finally:
            server, _ = engine.parts["the Prefect server"]
            assert server.returncode is None
            server.kill()
            await server.wait()

    assert asyncio.run(story()) == "the worker has ended with 3; see worker.log"
