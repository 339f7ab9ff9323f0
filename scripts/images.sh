# Images without a Docker engine: by buildah, as root. To be sourced, in the project's folder.
export STORAGE_DRIVER=vfs

buildah() {
    command buildah --root "$PWD/.cache/image/storage" --runroot "$PWD/.cache/image/run" "$@"
}

require_buildah() {
    command -v buildah >/dev/null && command -v debootstrap >/dev/null || {
        echo "Needs Docker, or as root: apt-get install -y --no-install-recommends buildah debootstrap" >&2
        exit 1
    }
}

build() { # tag, base image, arguments of `buildah bud`
    buildah inspect --type image "$2" >/dev/null 2>&1 || bootstrap_base "$2"
    buildah bud --isolation chroot --pull-never --format docker --volume /etc/ssl/certs:/etc/ssl/certs:ro \
        --tag "$1" "${@:3}"
    buildah rmi --prune >/dev/null # what earlier builds were
}

within() { # image, command: run it in a container of the image, with the standard input
    container=$(buildah from --pull-never "$1")
    trap 'buildah rm "$container" >/dev/null' EXIT
    buildah run --isolation chroot "$container" -- "${@:2}"
}

# Debian's Python in the place of the official image, which only a registry has.
bootstrap_base() { # tag
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
