# hnswlib: Debian 12's own is too old, so a newer one comes from PyPI, as source: headers only. Sourced after common.sh and boost.sh.

HNSWLIB_VERSION=0.8.0
HNSWLIB_SHA256=cb6d037eedebb34a7134e7dc78966441dfd04c9cf5ee93911be911ced951c44c

# provide_hnswlib: afterwards HNSWLIB_PREFIX is the folder to put into CMAKE_PREFIX_PATH. The headers are kept in the
# user's cache folder, once for all clones; a lock lets two scripts start at once.
provide_hnswlib()
{
    local cache=${XDG_CACHE_HOME:-$HOME/.cache}/whisperstore lock
    HNSWLIB_PREFIX=$cache/hnswlib-$HNSWLIB_VERSION
    mkdir -p "$cache"
    exec {lock}>"$HNSWLIB_PREFIX.lock"
    flock "$lock"
    if [ ! -e "$HNSWLIB_PREFIX/complete" ]; then
        say "    fetching hnswlib $HNSWLIB_VERSION from PyPI into $HNSWLIB_PREFIX"
        fetch_hnswlib "$HNSWLIB_PREFIX"
    fi
    exec {lock}>&-
    say "    using $HNSWLIB_PREFIX"
}

fetch_hnswlib()
{
    local folder=$1 archive=$1/hnswlib-$HNSWLIB_VERSION.tar.gz
    rm -rf "$folder"
    mkdir -p "$folder/include"
    quietly python3 -m venv "$folder/fetch" || fail "no Python environment could be made in $folder (see above)"
    quietly "$folder/fetch/bin/pip" download --no-deps --no-binary hnswlib -d "$folder" "hnswlib==$HNSWLIB_VERSION" ||
        fail "hnswlib $HNSWLIB_VERSION could not be fetched from PyPI (see above);" \
            "if you have its headers, name the folder above include/hnswlib in CMAKE_PREFIX_PATH"
    echo "$HNSWLIB_SHA256  $archive" | sha256sum --check --status || fail "$archive is not what it should be"
    tar -xzf "$archive" -C "$folder/include" --strip-components=1 \
        "hnswlib-$HNSWLIB_VERSION/hnswlib" "hnswlib-$HNSWLIB_VERSION/LICENSE"
    rm -rf "$folder/fetch" "$archive"
    touch "$folder/complete"
}
