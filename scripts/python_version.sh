# Sourced: stop with one sentence unless the given Python is 3.11 or newer and can make environments.

require_python() {
    if ! command -v "$1" >/dev/null; then
        echo "Error: there is no command '$1'; install Python 3.11 or newer, or name one: make PYTHON=python3.12 book" >&2
        exit 1
    fi
    if ! "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        echo "Error: Python 3.11 or newer is needed and '$1' is $("$1" -V 2>&1); name a newer one: make PYTHON=python3.12 book" >&2
        exit 1
    fi
    if ! "$1" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "Error: '$1' cannot make environments; install its venv module (Debian: apt-get install python3-venv)" >&2
        exit 1
    fi
}
