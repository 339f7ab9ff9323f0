#!/bin/bash
# Builds the image and tries it inside, as its own user: with Docker, or without an engine by buildah as root.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/images.sh
image=label-studio-aws-transcribe:test

if docker info >/dev/null 2>&1; then
    docker build --tag "$image" .
    docker run --rm --interactive --init "$image" python - <tests/image_smoke.py
else
    require_buildah
    base=docker.io/library/$(sed -n 's/^ARG BASE=\([^@]*\).*/\1/p' Dockerfile) # the digest is that of the registry's
    build "$image" "$base" --build-arg BASE="$base" .
    within "$image" python - <tests/image_smoke.py
fi
echo "The image works."
