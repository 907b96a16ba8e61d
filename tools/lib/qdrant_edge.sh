# Qdrant's own engine as a Python module, which the tests' Qdrant stand-in serves. Sourced after common.sh.

QDRANT_EDGE_VERSION=0.9.0

# provide_qdrant_edge: a Python environment with it, in the user's cache folder, once for all clones; a lock lets two
# scripts start at once. tests/servers/qdrant looks for it there.
provide_qdrant_edge()
{
    local folder=${XDG_CACHE_HOME:-$HOME/.cache}/whisperstore/qdrant-edge-$QDRANT_EDGE_VERSION lock
    mkdir -p "${folder%/*}"
    exec {lock}>"$folder.lock"
    flock "$lock"
    if [ ! -e "$folder/complete" ]; then
        say "    fetching qdrant-edge-py $QDRANT_EDGE_VERSION from PyPI into $folder"
        quietly python3 -m venv --clear "$folder" || fail "no Python environment could be made in $folder (see above)"
        quietly "$folder/bin/pip" install --no-deps "qdrant-edge-py==$QDRANT_EDGE_VERSION" ||
            fail "qdrant-edge-py $QDRANT_EDGE_VERSION could not be fetched from PyPI (see above)"
        touch "$folder/complete"
    fi
    exec {lock}>&-
    say "    using $folder"
}
