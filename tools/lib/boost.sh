# Boost: Debian 12's own is too old for Asio's coroutines, so a newer one comes from PyPI. Sourced after common.sh.

BOOST_MINIMUM=1.88
BOOST_VERSION=1.90.0

# Whether CMake finds a Boost that is new enough without help (the system's, or one in CMAKE_PREFIX_PATH).
system_boost_suffices()
{
    local folder status=0
    folder=$(mktemp -d)
    cat >"$folder/CMakeLists.txt" <<CMAKE
cmake_minimum_required(VERSION 3.25)
project(boost_check LANGUAGES NONE)
find_package(Boost $BOOST_MINIMUM CONFIG REQUIRED)
CMAKE
    cmake -S "$folder" -B "$folder/build" >/dev/null 2>&1 || status=$?
    rm -rf "$folder"
    return "$status"
}

# provide_boost: afterwards BOOST_PREFIX is the folder to put into CMAKE_PREFIX_PATH, or empty when none is needed.
# The package is kept in the user's cache folder, once for all clones; a lock lets two scripts start at once.
provide_boost()
{
    local cache=${XDG_CACHE_HOME:-$HOME/.cache}/whisperstore lock found
    BOOST_PREFIX=
    if system_boost_suffices; then
        say "    the system's Boost is new enough"
        return
    fi
    local folder=$cache/boost-$BOOST_VERSION
    mkdir -p "$cache"
    exec {lock}>"$folder.lock"
    flock "$lock"
    if [ ! -e "$folder/complete" ]; then
        say "    fetching Boost $BOOST_VERSION from PyPI into $folder"
        quietly python3 -m venv "$folder" || fail "no Python environment could be made in $folder (see above)"
        quietly "$folder/bin/pip" install --no-deps "cmeel-boost==$BOOST_VERSION" ||
            fail "cmeel-boost $BOOST_VERSION could not be fetched from PyPI (see above);" \
                "any Boost $BOOST_MINIMUM or newer will do: name its folder in CMAKE_PREFIX_PATH"
        touch "$folder/complete"
    fi
    exec {lock}>&-
    found=("$folder"/lib/python3*/site-packages/cmeel.prefix)
    BOOST_PREFIX=${found[0]}
    [ -d "$BOOST_PREFIX" ] || fail "$folder holds no Boost: remove that folder and start again"
    say "    using $BOOST_PREFIX"
}
