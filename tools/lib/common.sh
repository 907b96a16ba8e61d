# Shared by tools/quickstart and tools/test: reporting, and running things as root. Sourced, never run.
# The caller has set PROJECT (the source folder) and `set -euo pipefail`.

say() { printf '%s\n' "$*"; }

fail()
{
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# timed TITLE COMMAND...: runs one step and says how long it took.
timed()
{
    local title=$1 start=$SECONDS
    shift
    printf '\n==> %s\n' "$title"
    "$@"
    printf '    %s: %d s\n' "$title" $((SECONDS - start))
}

# quietly COMMAND...: keeps the output to itself unless the command fails.
quietly()
{
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then
        cat "$log" >&2
    fi
    rm -f "$log"
    return "$status"
}

# as_root COMMAND...: directly as root, else with sudo.
as_root()
{
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}
