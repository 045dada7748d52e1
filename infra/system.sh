#!/bin/sh
# Makes sure that the operating system provides what Python's packages cannot: git, make, and on Linux
# bubblewrap (bwrap), the jail of the checker. `--browser` asks for Chromium too, for the browser tests.
# Installs only where it may: as root, with passwordless sudo, or with Homebrew.
# Exit status: 0 all there (or nothing but bubblewrap missing), 2 wrong usage, 3 the person must install it.
set -u

browser=no
case "${1-}" in
    "") ;;
    --browser) browser=yes ;;
    -h | --help) echo "usage: sh infra/system.sh [--browser]"; exit 0 ;;
    *) echo "usage: sh infra/system.sh [--browser]" >&2; exit 2 ;;
esac

have() { command -v "$1" >/dev/null 2>&1; }

have_browser() {
    have chromium || have chromium-browser || have google-chrome || [ -d "/Applications/Google Chrome.app" ]
}

missing() {
    list=""
    have git || list="$list git"
    have make || list="$list make"
    if [ "$(uname -s)" = Linux ]; then have bwrap || list="$list bubblewrap"; fi
    if [ $browser = yes ]; then have_browser || list="$list chromium"; fi
    echo "${list# }"
}

check_jail() {
    if [ "$(uname -s)" != Linux ]; then
        echo "Note: bubblewrap exists on Linux only; without it your own work is graded in a plain child process."
    elif have bwrap && ! bwrap --ro-bind / / --unshare-all true >/dev/null 2>&1; then
        echo "Warning: bwrap is installed but may not make a jail here (are user namespaces switched off?)." >&2
        echo "Your own work can still be graded; a cohort's cannot." >&2
    fi
}

packages=$(missing)
if [ -z "$packages" ]; then
    check_jail
    exit 0
fi

if have apt-get; then
    update="apt-get update -q"
    install="apt-get install -y -q --no-install-recommends $packages"
elif have dnf; then
    update=true
    install="dnf install -y -q $packages"
elif have brew; then
    update=true
    install="brew install $packages"
else
    echo "Found:    no $packages, and none of apt-get, dnf and brew" >&2
    echo "Expected: $packages on PATH" >&2
    echo "Next:     install $packages with this system's package manager, then run this again" >&2
    exit 3
fi

# Homebrew refuses to run as root and needs no rights; the other two need them.
if have apt-get || have dnf; then
    if [ "$(id -u)" = 0 ]; then
        as=env
    elif have sudo && sudo -n true 2>/dev/null; then
        as="sudo -n"
    else
        [ "$update" = true ] && hint="sudo $install" || hint="sudo $update && sudo $install"
        echo "Found:    no $packages, and no right to install" >&2
        echo "Expected: $packages on PATH" >&2
        echo "Next:     $hint" >&2
        # Without the jail one can do every lab; only a cohort cannot be graded.
        [ "$packages" = bubblewrap ] && exit 0
        exit 3
    fi
else
    as=env
fi

echo "Installing $packages: $install"
# The lists may be old and still good enough, so a failed update is not the end.
$as $update >/dev/null || true
# shellcheck disable=SC2086
if ! $as $install >/dev/null || [ -n "$(missing)" ]; then
    echo "Found:    $(missing) still missing after: $install" >&2
    echo "Expected: $packages on PATH" >&2
    echo "Next:     run that command by hand and read what it says" >&2
    exit 3
fi
echo "Installed $packages."
check_jail
