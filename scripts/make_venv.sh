#!/usr/bin/env bash
# Make, or bring up to date, the environment with the pinned packages: make_venv.sh PYTHON FOLDER. Called by `make`.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1 venv=$2
source scripts/python_version.sh
require_python "$python"

started=$SECONDS
if "$venv/bin/python" -c 'import pip' 2>/dev/null; then
    echo "== Bringing $venv up to date with pyproject.toml and constraints.txt (seconds, if little changed)"
else
    echo "== Making $venv with $("$python" -V) and the packages of constraints.txt (1-4 minutes, about 2 GB; once)"
    "$python" -m venv --clear "$venv"
fi
install() {
    "$venv/bin/python" -m pip install --disable-pip-version-check --progress-bar off -c constraints.txt "$@" || {
        echo "Error: a package could not be installed; pip's last lines above name it and say why." >&2
        exit 1
    }
}
# setuptools comes from the pins too, so the package is built with it and not with a newer one.
install setuptools
install --no-build-isolation -e '.[book,test]'
touch "$venv/installed"
echo "== $venv is ready: $((SECONDS - started)) s"
