"""Compare the outputs of every chapter on machines of different kinds, as far as one machine can play them.

Usage: python scripts/machines.py [SETTING ...]

Each setting takes as long as the chapters do. What a chapter prints must be the same in all of them.
"""

import argparse
import subprocess
import sys

from run_steps import NBVAL, ROOT, environment

SETTINGS = {
    "one-thread": {"OMP_NUM_THREADS": "1"},
    "two-threads": {"OMP_NUM_THREADS": "2"},
    # What torch's own kernels may use, from any 64-bit processor to the widest there are.
    "default": {"ATEN_CPU_CAPABILITY": "default"},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2"},
    "avx512": {"ATEN_CPU_CAPABILITY": "avx512"},
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="*", metavar="SETTING", help=f"some of {', '.join(SETTINGS)}; else all")
    settings = parser.parse_args().settings or [*SETTINGS]
    unknown = set(settings) - set(SETTINGS)
    if unknown:
        parser.error(f"settings are {', '.join(SETTINGS)}; got {min(unknown)}")
    failed = []
    for name in settings:
        print(f"== {name}: {' '.join(f'{key}={value}' for key, value in SETTINGS[name].items())}", flush=True)
        # Plain instructions are several times slower than the widest.
        command = ("pytest", "-q", *NBVAL, "--nbval-cell-timeout=1800", "book")
        if subprocess.run(command, cwd=ROOT, env=environment() | SETTINGS[name]).returncode:
            failed.append(name)
    print(f"== the same outputs in {len(settings) - len(failed)} of {len(settings)} settings", *failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
