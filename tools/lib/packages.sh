# Debian packages: installs what is missing, and nothing when nothing is. Sourced after common.sh.

# What building the library and the command needs.
BUILD_PACKAGES=(g++ cmake ninja-build ccache pkg-config python3 python3-venv ca-certificates
    libsqlite3-dev libpq-dev libicu-dev libssl-dev libzstd-dev zlib1g-dev libcli11-dev libspdlog-dev
    prometheus-cpp-dev)

# What the tests need on top.
# libclang-rt-19-dev brings the sanitizers and libFuzzer. The servers are started by the tests; Debian's packages may
# start ones of their own, which the tests leave alone.
TEST_PACKAGES=(git libgtest-dev libgmock-dev sqlite3 clang-19 libclang-rt-19-dev postgresql pgbouncer redis-server openssl
    maven openjdk-17-jre-headless graphviz prometheus)

package_installed() { dpkg-query -W -f='${Status}\n' "$1" 2>/dev/null | grep -q '^install ok installed$'; }

# APT::Update::Error-Mode makes an update that reached only some servers a failure.
apt_update() { quietly as_root apt-get -qq -o APT::Update::Error-Mode=any update; }

apt_install()
{
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@"
}

# install_packages NAME...: one apt-get call for the missing ones; the package lists are refreshed only when
# there are none, or when they turn out to be too old for the call to succeed.
install_packages()
{
    local package missing=()
    if ! command -v apt-get >/dev/null; then
        say "    no apt-get here: please see to it that these (or this system's equivalents) are installed: $*"
        return
    fi
    for package in "$@"; do
        package_installed "$package" || missing+=("$package")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        say "    nothing is missing"
        return
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        fail "these packages are missing and there is no sudo; as root: apt-get install ${missing[*]}"
    fi
    say "    installing ${missing[*]}"
    if compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null && apt_install "${missing[@]}" >/dev/null 2>&1; then
        return
    fi
    apt_update || fail "apt-get update failed (see above)"
    quietly apt_install "${missing[@]}" || fail "apt-get install failed (see above)"
}
