#!/bin/sh
# Put kind and kubectl of the versions in infra/versions.env into a folder of the PATH: sh infra/kind/tools.sh FOLDER
# For Linux; on macOS: brew install kind kubectl. What is there in the right version stays.
set -eu

folder=${1:?the folder to install into, such as /usr/local/bin}
. "$(dirname "$0")/../versions.env"
case $(uname -m) in
x86_64) machine=amd64 kind_sum=$KIND_LINUX_AMD64_SHA256 kubectl_sum=$KUBECTL_LINUX_AMD64_SHA256 ;;
aarch64) machine=arm64 kind_sum=$KIND_LINUX_ARM64_SHA256 kubectl_sum=$KUBECTL_LINUX_ARM64_SHA256 ;;
*)
    echo "Found:    a $(uname -m) machine" >&2
    echo "Expected: x86_64 or aarch64, for which kind and kubectl are published" >&2
    echo "Next:     use the local profile: infra up" >&2
    exit 3
    ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

install_tool() { # name, address, SHA-256
    if [ -x "$folder/$1" ] && echo "$3  $folder/$1" | sha256sum --check --quiet - 2>/dev/null; then
        echo "$1 is there."
        return
    fi
    echo "Fetching $1 from $2"
    curl --fail --silent --show-error --location --retry 3 --output "$work/$1" "$2"
    if ! echo "$3  $work/$1" | sha256sum --check --quiet -; then
        echo "Found:    $1 with another digest than infra/versions.env has" >&2
        echo "Expected: SHA-256 $3" >&2
        echo "Next:     fetch it again; if it stays so, do not run it, and report it" >&2
        exit 3
    fi
    install -m 755 "$work/$1" "$folder/$1"
}

install_tool kind "https://github.com/kubernetes-sigs/kind/releases/download/v$KIND_VERSION/kind-linux-$machine" "$kind_sum"
install_tool kubectl "https://dl.k8s.io/release/v$KUBERNETES_VERSION/bin/linux/$machine/kubectl" "$kubectl_sum"
