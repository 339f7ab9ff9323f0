#!/bin/sh
# Writes the digest that the base image has today into the Dockerfile. Needs Docker and a way to the registry.
set -eu
cd "$(dirname "$0")/.."
tag=$(sed -n 's/^ARG BASE=\([^@]*\).*/\1/p' Dockerfile)
digest=$(docker buildx imagetools inspect "$tag" --format '{{.Manifest.Digest}}')
echo "$digest" | grep -Eq '^sha256:[0-9a-f]{64}$' || {
    echo "The registry tells no digest of $tag: $digest" >&2
    exit 1
}
sed "s|^ARG BASE=.*|ARG BASE=$tag@$digest|" Dockerfile >Dockerfile.new
mv Dockerfile.new Dockerfile
echo "$tag@$digest"
