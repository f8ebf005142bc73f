"""Compare the outputs of every chapter on machines of different kinds, as far as one machine can play them.

Usage: python scripts/machines.py [SETTING ...]

Each setting takes about as long as the chapters do. What a chapter prints must be the same in all of them.
"""

import argparse
import re
import subprocess
import sys
import tomllib

from run_steps import BUILD, NBVAL, ONE_THREAD, ROOT, SIDE_BY_SIDE, environment, in_full

SETTINGS = {
    "one-thread": ONE_THREAD,
    "two-threads": {"OMP_NUM_THREADS": "2"},
    # What torch's own kernels may use, from any 64-bit processor to the widest there are.
    "default": ONE_THREAD | {"ATEN_CPU_CAPABILITY": "default"},
    "avx2": ONE_THREAD | {"ATEN_CPU_CAPABILITY": "avx2"},
    "avx512": ONE_THREAD | {"ATEN_CPU_CAPABILITY": "avx512"},
    "oldest": ONE_THREAD,  # with the oldest versions that pyproject.toml allows, see `install_oldest`
}


def oldest() -> dict[str, str]:
    """The oldest version that pyproject.toml allows, of each package for which it names one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = (re.fullmatch(r"([\w-]+)>=([\d.]+)", line) for line in project["dependencies"])
    return {match[1]: match[2] for match in found if match}


def install_oldest() -> dict[str, str]:
    """Install them, but for torch, in a folder of their own; returns the variables with which Python finds them there.

    Torch is what is installed: of most older versions only builds of several GB for GPUs can be had.
    """
    folder = str(BUILD / "oldest")
    packages = [f"{name}=={version}" for name, version in oldest().items() if name != "torch"]
    command = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target", folder, *packages)
    subprocess.run(command, check=True)
    return {"PYTHONPATH": folder}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="*", metavar="SETTING", help=f"some of {', '.join(SETTINGS)}; else all")
    settings = parser.parse_args().settings or [*SETTINGS]
    unknown = set(settings) - set(SETTINGS)
    if unknown:
        parser.error(f"settings are {', '.join(SETTINGS)}; got {min(unknown)}")
    failed = []
    for name in settings:
        variables = SETTINGS[name] | (install_oldest() if name == "oldest" else {})
        print(f"== {name}: {' '.join(f'{key}={value}' for key, value in variables.items())}", flush=True)
        side_by_side = SIDE_BY_SIDE if variables["OMP_NUM_THREADS"] == "1" else ()
        # Plain instructions are several times slower than the widest.
        command = ("pytest", "-q", *NBVAL, "--nbval-cell-timeout=1800", *side_by_side, "book")
        if subprocess.run(in_full(command), cwd=ROOT, env=environment() | variables).returncode:
            failed.append(name)
    print(f"== the same outputs in {len(settings) - len(failed)} of {len(settings)} settings", *failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
