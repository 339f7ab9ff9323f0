#!/bin/bash
# Builds the image twice from nothing, by buildah as root, and compares the layers that are ours.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/images.sh
require_buildah
base=docker.io/library/$(sed -n 's/^ARG BASE=\([^@]*\).*/\1/p' Dockerfile)
date=$(git log -1 --format=%ct)

layers() { # tag
    buildah inspect --type image --format '{{range .OCIv1.RootFS.DiffIDs}}{{println .}}{{end}}' "$1"
}

for turn in first second; do
    build "label-studio-aws-transcribe:$turn" "$base" --no-cache --timestamp "$date" \
        --build-arg BASE="$base" --build-arg SOURCE_DATE_EPOCH="$date" .
done
diff <(layers label-studio-aws-transcribe:first) <(layers label-studio-aws-transcribe:second) ||
    { echo "The two images differ." >&2; exit 1; }
echo "Both builds made the same $(layers label-studio-aws-transcribe:first | grep -c .) layers, the base's included."
