"""What Binder makes of the repository, and that a chapter fits into the smallest machine it may get."""

import os
import subprocess
import sys

import pytest

from tests.project.scratch_book import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Binder's machines run Linux")

RUN = """
import sys
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
# Its own peak: what getrusage says includes the process that it was forked from.
peak = "[int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM')][0]"
notebook.cells.append(nbformat.v4.new_code_cell(f"print(torch.get_num_threads(), {peak})"))
NotebookClient(notebook, timeout=None, resources={"metadata": {"path": sys.argv[2]}}).execute()
print(notebook.cells[-1].outputs[0].text)
"""


@pytest.fixture(scope="module")
def dockerfile():
    """The Dockerfile that Binder would build the image with."""
    command = [sys.executable, "-m", "repo2docker", "--no-build", "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_binder_installs_environment_yml_on_python_3_11(dockerfile):
    assert '${MAMBA_EXE} env update -p ${NB_PYTHON_PREFIX} --file "environment.yml"' in dockerfile
    assert "environment-2epy-2d3-2e11-2dlinux" in dockerfile  # the server and the kernel, which share an environment


def test_binder_copies_the_repository_before_it_installs_the_package_from_it(dockerfile):
    assert dockerfile.index("COPY --chown=0:0 src/ ${REPO_DIR}/") < dockerfile.index("env update")


def test_a_chapter_runs_in_a_gigabyte_and_one_thread():
    path = ROOT / "book" / "appendix.ipynb"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", RUN, str(path), str(path.parent)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    threads, size = map(int, done.stdout.split())
    size *= 1024
    assert threads == 1
    assert 1e8 < size < 1e9  # less than 100 MB would be no kernel with torch
