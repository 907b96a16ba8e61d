# OpenVINO: what runs the local embedding model. Debian has none, so its C API comes from the PyPI package, which holds
# libraries and headers beside its Python part. Sourced after common.sh.

OPENVINO_VERSION=2026.4.1
OPENVINO_SHA256=2d22b1da03f7caf74df30e9f6417d0ab2f637e4a38e08e1dcd294d2c37407aaf
# Of the libraries only those for models on the processor: no Python part, no plugins of other devices, no other formats.
OPENVINO_LIBRARIES='libopenvino\.so\.[0-9]+|libopenvino_c\.so\.[0-9]+|libopenvino_intel_cpu_plugin\.so|libopenvino_(ir|onnx)_frontend\.so\.[0-9]+|libtbb\.so\.[0-9]+|libtbbbind_[0-9_]+\.so\.[0-9]+|libtbbmalloc\.so\.[0-9]+|libhwloc\.so\.[0-9]+'

# provide_openvino: afterwards OPENVINO_PREFIX is the folder to put into CMAKE_PREFIX_PATH. It is kept in the user's
# cache folder, once for all clones; a lock lets two scripts start at once. Programs load it from there when they run.
provide_openvino()
{
    local cache=${XDG_CACHE_HOME:-$HOME/.cache}/whisperstore lock
    OPENVINO_PREFIX=$cache/openvino-$OPENVINO_VERSION
    mkdir -p "$cache"
    exec {lock}>"$OPENVINO_PREFIX.lock"
    flock "$lock"
    if [ ! -e "$OPENVINO_PREFIX/complete" ]; then
        say "    fetching OpenVINO $OPENVINO_VERSION from PyPI into $OPENVINO_PREFIX"
        fetch_openvino "$OPENVINO_PREFIX"
    fi
    exec {lock}>&-
    say "    using $OPENVINO_PREFIX"
}

fetch_openvino()
{
    local folder=$1
    [ "$(uname -m)" = x86_64 ] ||
        fail "OpenVINO is fetched for x86-64 only; name the folder of your own in CMAKE_PREFIX_PATH," \
            "or build with WHISPERSTORE_WITH_LOCAL_EMBEDDING=OFF"
    rm -rf "$folder"
    mkdir -p "$folder/include/openvino" "$folder/lib" "$folder/share/doc"
    # The wheels of all Python versions hold the same libraries: one of them is pinned.
    fetch_wheel "$folder" "openvino==$OPENVINO_VERSION" "$OPENVINO_SHA256" \
        --python-version 3.11 --implementation cp --abi cp311 --platform manylinux_2_28_x86_64
    unpack_wheel "$folder"/openvino-*.whl '^openvino/include/openvino/c/(.*\.h)$' "$folder/include/openvino/c"
    unpack_wheel "$folder"/openvino-*.whl "^openvino/libs/($OPENVINO_LIBRARIES)\$" "$folder/lib"
    unpack_wheel "$folder"/openvino-*.whl '^[^/]*\.dist-info/(licenses/.*|LICENSE.*)$' "$folder/share/doc"
    rm -f "$folder"/openvino-*.whl
    touch "$folder/complete"
}
