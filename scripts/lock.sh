#!/bin/sh
# Writes the three lock files with the uv of virtual environment $1. Versions stay as they are unless UPGRADE=1.
set -eu
uv=$1/bin/uv
cd "$(dirname "$0")/.."

lock() { # file, what it holds, arguments of uv
    file=$1 title=$2
    shift 2
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header ${UPGRADE:+--upgrade} \
        --output-file "$file" "$@"
    {
        echo "# $title. Written by \`make lock\`: do not edit."
        echo "# Install with: pip install --no-deps -r $file"
        cat "$file"
    } >"$file.new"
    mv "$file.new" "$file"
}

lock requirements.txt "What runs" pyproject.toml
lock requirements-test.txt "What runs, the tests and the stand-in (--no-deps: see requirements-overrides.txt)" \
    pyproject.toml --extra test --extra stand-in --extra sdk --override requirements-overrides.txt -c requirements.txt
echo "label-studio==1.23.2" | lock requirements-label-studio.txt "Label Studio alone, for the demo and the tests" -
