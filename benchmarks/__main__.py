"""``python -m benchmarks``: print every table. ``--light`` only shows that it works."""

import argparse

from benchmarks import (
    body_limit,
    compression,
    conditional,
    deadline,
    decompression,
    load_shedding,
    metrics,
    observing,
    rate_limits,
    shape,
    tracing,
)


def main() -> None:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--light", action="store_true", help="few rounds, numbers without meaning")
    light = parser.parse_args().light
    print(shape.run(rounds=2, calls=100) if light else shape.run())
    print()
    print(conditional.run(rounds=2, calls=100) if light else conditional.run())
    print()
    print(compression.run(rounds=2, calls=50) if light else compression.run())
    print()
    print(compression.run_events())
    print()
    print(decompression.run(rounds=2, calls=100) if light else decompression.run())
    print()
    print(body_limit.run(rounds=2, calls=100) if light else body_limit.run())
    print()
    print(deadline.run(rounds=2, calls=100) if light else deadline.run())
    print()
    print(rate_limits.run(rounds=2, calls=20, live=1000) if light else rate_limits.run())
    print()
    print(load_shedding.run(rounds=2, calls=100) if light else load_shedding.run())
    print()
    print(observing.run(rounds=2, calls=100) if light else observing.run())
    print()
    print(metrics.run(rounds=2, calls=100) if light else metrics.run())
    print()
    print(tracing.run(rounds=2, calls=100) if light else tracing.run())


if __name__ == "__main__":
    main()
