"""Health: what a load balancer, Kubernetes and a person on call ask a process.

Use it always. Four paths answer GET and HEAD before the app sees the request: ``/health/live`` (shall it be
restarted?), ``/health/ready`` (shall it get requests?), ``/health/startup`` (has it started?) and ``/health``,
which says all of it. Liveness asks no dependency, so a dead database never makes Kubernetes restart the app.

    async def database() -> None:
        await pool.execute("select 1")        # raising means down

    health = Health(checks=[database, Check(name="cache", redis="redis://cache", critical=False)])
    app = health(app)

A check is a callable of yours, or ready-made: ``sql`` (a connection that gets SELECT 1), ``redis``, ``url``,
``disk`` with what has to be ``free``, ``memory``. The pipeline's own ``store`` is one without being asked for.

A critical check that fails makes the whole DOWN (503), any other DEGRADED (200). Checks run together, each
within its time limit and once at a time, and are remembered for a second; failures longer and longer. When the
process is about to stop, ``health.drain()`` makes readiness DOWN while the app goes on answering. Programs get
JSON, a browser a page.
"""

from asgi_patterns.health.checks import Check
from asgi_patterns.health.events import CheckFailed, CheckRecovered, DrainStarted
from asgi_patterns.health.layer import Health

__all__ = ["Check", "CheckFailed", "CheckRecovered", "DrainStarted", "Health"]
