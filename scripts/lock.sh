#!/usr/bin/env bash
# Renew constraints.txt: lock.sh PYTHON installs the newest packages that fit together and writes down their versions.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/python_version.sh
require_python "$1"
torch=torch==2.13.0 # exact: a newer release is a decision, with new numbers in the chapters

echo "== Installing the newest packages in a temporary environment (about 3 minutes)"
venv=$(mktemp -d)
trap 'rm -rf "$venv"' EXIT
"$1" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check setuptools "$torch"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-build-isolation "$torch" -e '.[book,test]'
{
    echo "# The exact versions that \`make\` installs. Renew them with \`make lock\`; do not edit by hand."
    # Without local labels such as +cpu, which only some package indexes carry.
    "$venv/bin/python" -m pip freeze --all --exclude pip --exclude wheel --exclude-editable | sed 's/+.*//'
} >constraints.txt.new
mv constraints.txt.new constraints.txt
echo "== constraints.txt has $(grep -vc '^#' constraints.txt) packages; run \`make test\` before committing it"
