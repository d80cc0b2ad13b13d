"""``python -m benchmarks.beside [GROUP ...]``: what others make beside ours, and all of it together.

``make bench`` installs the others; whoever is not installed is left out. ``--light`` only shows that it works.
"""

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from benchmarks import (
    coding_peers,
    id_peers,
    limit_peers,
    limit_peers_redis,
    observed_peers,
    probes,
    tag_peers,
    whole,
    whole_profile,
    whole_servers,
)

GROUPS: Final[Mapping[str, Callable[[], str]]] = {
    "whole": whole.run,
    "profile": whole_profile.run,
    "servers": whole_servers.run,
    "ids": id_peers.run,
    "metrics": observed_peers.run,
    "codings": coding_peers.run,
    "tags": tag_peers.run,
    "limits": limit_peers.run,
    "redis": limit_peers_redis.run,
    "probes": probes.run,
}
LIGHT: Final[Mapping[str, Callable[[], str]]] = {
    "whole": partial(whole.run, rounds=2, calls=20),
    "profile": partial(whole_profile.run, ("id", "limit")),
    "servers": partial(whole_servers.run, seconds=0.2, rounds=1, names=("app", "plus: ours")),
    "ids": partial(id_peers.run, rounds=2, calls=20),
    "metrics": partial(observed_peers.run, rounds=2, calls=20),
    "codings": partial(coding_peers.run, rounds=2, calls=20),
    "tags": partial(tag_peers.run, rounds=2, calls=20),
    "limits": partial(limit_peers.run, rounds=2, calls=100, most=1000),
    "redis": partial(limit_peers_redis.run, rounds=2, calls=10),
    "probes": partial(probes.run, rounds=2, calls=20),
}


def main() -> None:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.beside", description=__doc__)
    parser.add_argument("--light", action="store_true", help="few rounds, numbers without meaning")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"by default all: {', '.join(GROUPS)}")
    options = parser.parse_args()
    runs = LIGHT if options.light else GROUPS
    unknown = [name for name in options.groups if name not in runs]
    if unknown:
        parser.error(f"there is no group {unknown[0]!r}: there are {', '.join(runs)}")
    for name in options.groups or runs:
        print(runs[name](), flush=True)
        print()


if __name__ == "__main__":
    main()
