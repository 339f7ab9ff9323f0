#!/bin/bash
# Unit and API tests on each of these Pythons that is there, or that uv can bring: `UV=path pythons.sh 3.11 3.12 …`.
# Each has an environment of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=.cache/pythons

found() { # version: where that Python is; pyenv's need not be on the path
    command -v "python$1" >/dev/null && "python$1" -c pass 2>/dev/null && { command -v "python$1"; return; }
    compgen -G "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1.*/bin/python" | head -1 | grep . && return
    "$UV" python install --quiet --no-bin "$1" 2>/dev/null && "$UV" python find --managed-python "$1"
}

tried=0
for version in "$@"; do
    python=$(found "$version" || true)
    [ -n "$python" ] || { echo "Python $version: not on this machine, and uv cannot bring it"; continue; }
    stamp=$folder/$version/.installed-$(cksum <requirements-test.txt | cut -d' ' -f1)
    if [ ! -e "$stamp" ]; then
        echo "Python $version: installing …"
        rm -rf "${folder:?}/$version"
        "$python" -m venv "$folder/$version"
        "$folder/$version/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-test.txt
        touch "$stamp"
    fi
    echo "Python $version:"
    "$folder/$version/bin/python" -m pytest -q --no-header -p no:cacheprovider -n 2 --dist loadfile \
        ${KEYWORDS:-tests/unit tests/work tests/api tests/hosts}
    tried=$((tried + 1))
done
[ $tried -gt 0 ]
