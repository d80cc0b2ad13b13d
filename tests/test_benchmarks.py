"""The benchmarks run. What they measure is no test's business."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_table_is_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--light"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    for row in (
        "6 nested functions",
        "6 layers",
        "a pipeline of 6 layers",
        "Per further chunk",
        "wrap(app), the default",
        "ConditionalRequests, a 304 instead of 2 KB",
        "CachePolicy, ten rules",
        "a POST in chunks",
        "Django's middleware, a tag for 50 KB",
        "Decompression, a request that is not coded",
        "LoadShedding, an adaptive limit",
        "AccessLog, JSON",
        "Metrics without exemplars",
        "RateLimit, five quotas",
        "RateLimit, three nodes, 16 partitions",
        "the same script, EVALSHA through redis-py",
        "contrib, tuned, 10 %",
    ):
        assert row in done.stdout
