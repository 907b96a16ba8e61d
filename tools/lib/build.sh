# Configuring and building. Sourced after common.sh, boost.sh, hnswlib.sh and openvino.sh.

# At least this much memory for each compiler that runs.
KILOBYTES_PER_JOB=1300000

# How many compilers to run at once: one for each processor, as far as free memory and the container's limit allow.
build_jobs()
{
    local jobs free limit kilobytes
    jobs=$(nproc)
    free=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)
    limit=$(awk '/^[0-9]/ {print int($1 / 1024)}' /sys/fs/cgroup/memory.max 2>/dev/null || :)
    for kilobytes in $free $limit; do
        jobs=$((kilobytes / KILOBYTES_PER_JOB < jobs ? kilobytes / KILOBYTES_PER_JOB : jobs))
    done
    echo $((jobs > 1 ? jobs : 1))
}

# configure PRESET FOLDER [CMAKE ARGUMENT...]
configure()
{
    local preset=$1 folder=$2
    shift 2
    (cd "$PROJECT" && quietly cmake --preset "$preset" -B "$folder" \
        "-DCMAKE_PREFIX_PATH=$BOOST_PREFIX;$HNSWLIB_PREFIX;$OPENVINO_PREFIX" "$@")
}

# build FOLDER [CMAKE --build ARGUMENT...]
build()
{
    local folder=$1
    shift
    cmake --build "$folder" -j "$(build_jobs)" "$@"
}
