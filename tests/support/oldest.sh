#!/bin/sh
# Run the suite with the oldest versions pyproject.toml allows, in a virtual environment of its own:
#
#     tests/support/oldest.sh [FOLDER] [arguments of pytest]
#
# FOLDER, .venv-oldest by default, is made on first use.  PYTHON names the interpreter.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-$root/.venv-oldest}
[ $# -eq 0 ] || shift
if [ ! -x "$folder/bin/pytest" ]; then
    "${PYTHON:-python3}" -m venv "$folder"
    # Every ">=1.2" becomes "==1.2.*", and ">=3" "==3.0.*"; the tools of the tests are the newest.
    oldest=$("$folder/bin/python" - "$root/pyproject.toml" <<'END'
import re, sys, tomllib
with open(sys.argv[1], "rb") as file:
    project = tomllib.load(file)["project"]
extras = project["optional-dependencies"]
optional = [entry for name in ("plot", "demo", "parquet", "hdf5", "zarr", "dask") for entry in extras[name]]
for entry in project["dependencies"] + optional:
    if not entry.startswith(project["name"]):
        name, version = re.match(r"([\w-]+)>=([\d.]+)", entry).groups()
        print(f"{name}=={version}" + (".*" if "." in version else ".0.*"))
print(*(entry for entry in extras["dev"] if project["name"] not in entry))
END
    )
    # shellcheck disable=SC2086
    "$folder/bin/python" -m pip install --quiet $oldest
fi
cd "$root"
# A cache of its own; kernels are keyed by versions, but a folder is easier to throw away.
FASTML_CACHE_DIR=${FASTML_CACHE_DIR:-$folder/cache} PYTHONPATH=$root \
    exec "$folder/bin/python" -m pytest -q -m "not borrowed" "$@"
