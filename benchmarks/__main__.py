"""`python -m benchmarks [--quick] [NAME…]`: every measurement in one run, each with its baseline."""

import argparse
from importlib import import_module

NAMES = ("startup", "exchange", "memory", "judge", "dataset", "estate", "whatif")


def main() -> None:
    """Run the benchmarks one after the other: two at once would measure each other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {' '.join(NAMES)}; all if none")
    parser.add_argument("--quick", action="store_true", help="smaller and less exact")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.names if name not in NAMES]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]}; there are {', '.join(NAMES)}")
    for name in chosen.names or NAMES:
        module = import_module(f"benchmarks.{name}")
        print(f"== {name}: {(module.__doc__ or '').strip().splitlines()[0]}", flush=True)
        for line in module.run(chosen.quick):
            print(f"   {line}", flush=True)


if __name__ == "__main__":
    main()
