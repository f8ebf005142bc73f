"""`make machines` knows which versions are the oldest, and gives each setting its variables."""

import importlib.util
import sys

from packaging.requirements import Requirement

from tests.project.scratch_book import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
spec = importlib.util.spec_from_file_location("machines", ROOT / "scripts" / "machines.py")
machines = importlib.util.module_from_spec(spec)
spec.loader.exec_module(machines)


def test_the_oldest_versions_are_those_that_the_package_allows():
    oldest = machines.oldest()
    assert {"torch", "numpy", "matplotlib"} <= oldest.keys()
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    installed = dict(line.split("==") for line in lines if "==" in line)
    for name, version in oldest.items():
        assert Requirement(f"{name}>={version}").specifier.contains(installed[name])
        assert f"{name} {version}" in (ROOT / "README.md").read_text(encoding="utf-8").replace("\n", " ")


def test_each_setting_says_how_many_threads_there_are():
    # With one, chapters run side by side.
    assert {name for name, variables in machines.SETTINGS.items() if variables["OMP_NUM_THREADS"] != "1"} == {"two-threads"}
    assert {"default", "avx2", "avx512"} == {v["ATEN_CPU_CAPABILITY"] for v in machines.SETTINGS.values() if len(v) > 1}
