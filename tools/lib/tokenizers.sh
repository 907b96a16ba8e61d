# Hugging Face's tokenizers, which the embedding model's tokenizer is compared with in a test. Sourced after common.sh.

TOKENIZERS_VERSION=0.23.3

# provide_tokenizers: a Python environment with them, in the user's cache folder, once for all clones; a lock lets two
# scripts start at once. The test looks for it there.
provide_tokenizers()
{
    local folder=${XDG_CACHE_HOME:-$HOME/.cache}/whisperstore/tokenizers-$TOKENIZERS_VERSION lock
    mkdir -p "${folder%/*}"
    exec {lock}>"$folder.lock"
    flock "$lock"
    if [ ! -e "$folder/complete" ]; then
        say "    fetching tokenizers $TOKENIZERS_VERSION from PyPI into $folder"
        quietly python3 -m venv --clear "$folder" || fail "no Python environment could be made in $folder (see above)"
        quietly "$folder/bin/pip" install --no-deps "tokenizers==$TOKENIZERS_VERSION" ||
            fail "tokenizers $TOKENIZERS_VERSION could not be fetched from PyPI (see above)"
        touch "$folder/complete"
    fi
    exec {lock}>&-
    say "    using $folder"
}
