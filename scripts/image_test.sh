#!/bin/bash
# Builds the image and tries it inside, as its own user: with Docker, or without an engine by buildah as root.
set -euo pipefail
cd "$(dirname "$0")/.."
image=label-studio-aws-transcribe:test

with_docker() {
    docker build --tag "$image" .
    docker run --rm --interactive --init "$image" python - <tests/image_smoke.py
}

with_buildah() {
    export STORAGE_DRIVER=vfs
    buildah() { command buildah --root "$PWD/.cache/image/storage" --runroot "$PWD/.cache/image/run" "$@"; }
    base=docker.io/library/$(sed -n 's/^ARG BASE=\([^@]*\).*/\1/p' Dockerfile) # the digest is that of the registry's
    buildah inspect --type image "$base" >/dev/null 2>&1 || bootstrap_base "$base"
    buildah bud --isolation chroot --pull-never --format docker --volume /etc/ssl/certs:/etc/ssl/certs:ro \
        --build-arg BASE="$base" --tag "$image" .
    buildah rmi --prune >/dev/null # what earlier builds were
    container=$(buildah from --pull-never "$image")
    trap 'buildah rm "$container" >/dev/null' EXIT
    buildah run --isolation chroot "$container" -- python - <tests/image_smoke.py
}

# Debian's Python in the place of the official image, which only a registry has.
bootstrap_base() {
    rootfs=$(mktemp -d)
    trap 'rm -rf "$rootfs"' EXIT
    debootstrap --variant=minbase --include=python3,python3-pip,python3-venv,ca-certificates bookworm "$rootfs" >/dev/null
    ln -s python3 "$rootfs/usr/bin/python"
    rm -f "$rootfs"/usr/lib/python3*/EXTERNALLY-MANAGED
    scratch=$(buildah from scratch)
    buildah add --quiet "$scratch" "$rootfs" / >/dev/null
    buildah commit --quiet "$scratch" "$1" >/dev/null
    buildah rm "$scratch" >/dev/null
    rm -rf "$rootfs"
}

if docker info >/dev/null 2>&1; then
    with_docker
elif command -v buildah >/dev/null && command -v debootstrap >/dev/null; then
    with_buildah
else
    echo "Needs Docker, or as root: apt-get install -y --no-install-recommends buildah debootstrap" >&2
    exit 1
fi
echo "The image works."
