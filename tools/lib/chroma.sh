# The Chroma server of the tests: a Python package that holds one program. Sourced after common.sh.

CHROMA_VERSION=1.5.9

# provide_chroma: a Python environment with it, in the user's cache folder, once for all clones; a lock lets two scripts
# start at once. The program is FOLDER/bin/chroma; tests/servers/chroma and the tests of local_chromadb look for it there.
provide_chroma()
{
    local folder=${XDG_CACHE_HOME:-$HOME/.cache}/whisperstore/chroma-$CHROMA_VERSION lock
    mkdir -p "${folder%/*}"
    exec {lock}>"$folder.lock"
    flock "$lock"
    if [ ! -e "$folder/complete" ]; then
        say "    fetching Chroma $CHROMA_VERSION from PyPI into $folder"
        quietly python3 -m venv --clear "$folder" || fail "no Python environment could be made in $folder (see above)"
        # The client's hundred dependencies are not needed; the package's own launcher would import some.
        quietly "$folder/bin/pip" install --no-deps "chromadb==$CHROMA_VERSION" ||
            fail "Chroma $CHROMA_VERSION could not be fetched from PyPI (see above)"
        cat >"$folder/bin/chroma" <<LAUNCHER
#!$folder/bin/python
import sys

import chromadb_rust_bindings

chromadb_rust_bindings.cli(["chroma", *sys.argv[1:]])
LAUNCHER
        chmod +x "$folder/bin/chroma"
        touch "$folder/complete"
    fi
    exec {lock}>&-
    say "    using $folder"
}
