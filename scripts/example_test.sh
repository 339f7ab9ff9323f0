#!/bin/bash
# Builds the example for HumanSignal's repository with its tests, and runs them inside as its own user.
#
# Until the package is on PyPI it is built from here. LABEL_STUDIO_ML_REPOSITORY names a clone of the SDK's repository,
# where GitHub is out of reach; it takes its place.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/images.sh
require_buildah
example=examples/label_studio_ml_backend/aws_transcribe
image=label-studio-ml-backend-aws-transcribe:test
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

.venv/bin/python -m build --quiet --wheel --outdir "$place/wheels"
printf '[global]\nfind-links = /wheels\nroot-user-action = ignore\n' >"$place/pip.conf"
: >"$place/gitconfig"
volumes=(--volume "$place/wheels:/wheels:ro" --volume "$place/pip.conf:/etc/pip.conf:ro")
if [ -n "${LABEL_STUDIO_ML_REPOSITORY:-}" ]; then
    cat >"$place/gitconfig" <<-END
	[url "file:///sdk"]
		insteadOf = https://github.com/HumanSignal/label-studio-ml-backend.git
	[safe]
		directory = *
	END
    volumes+=(--volume "$LABEL_STUDIO_ML_REPOSITORY:/sdk:ro")
fi
volumes+=(--volume "$place/gitconfig:/etc/gitconfig:ro")

base=docker.io/library/python:$(sed -n 's/^ARG PYTHON_VERSION=//p' $example/Dockerfile)-slim
build "$image" "$base" "${volumes[@]}" --build-arg TEST_ENV=true $example
within "$image" sh -c 'test "$(id -u)" != 0 && python -m pytest -vvv --cov --cov-report=xml:/tmp/coverage.xml'
rm -rf "$place"
echo "The example works."
