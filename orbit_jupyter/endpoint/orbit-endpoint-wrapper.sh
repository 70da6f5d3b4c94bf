#!/bin/sh
# Prepares the environment of a batch job, and becomes an endpoint there. Arguments are those of orbit-endpoint.
#
#   RADICAL_ORBIT_MODULES   modules to load, with blanks between them
#   RADICAL_ORBIT_CONDA     conda environment to activate: a name, or a path
#   RADICAL_ORBIT_VENV      virtual environment to activate: its folder
#   RADICAL_ORBIT_SCRATCH   folder for temporary files (TMPDIR); one for this job is made in it, and removed
#   RADICAL_ORBIT_SETUP     shell commands that are run after all of these
#   RADICAL_ORBIT_PYTHON    the Python with orbit-jupyter; otherwise the one beside this script, or python3
#
# What goes wrong here ends the job, and is the last line of its stderr.

fail() { echo "orbit-endpoint-wrapper: $*" >&2; exit 1; }

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || fail "the folder of $0 can't be read"

# What activate scripts, module and the site's own snippets are written for.
if [ -z "${BASH_VERSION:-}" ] && [ -z "${ORBIT_WRAPPED:-}" ] && command -v bash >/dev/null 2>&1; then
    ORBIT_WRAPPED=1 exec bash "$0" "$@"
fi
unset ORBIT_WRAPPED

if [ -n "${RADICAL_ORBIT_MODULES:-}" ]; then
    # A batch shell is no login shell: on many sites nothing has defined `module` yet.
    for init in "${LMOD_PKG:-/nowhere}/init/profile" "${MODULESHOME:-/nowhere}/init/sh" \
        /etc/profile.d/lmod.sh /etc/profile.d/modules.sh /etc/profile.d/z00_lmod.sh; do
        command -v module >/dev/null 2>&1 && break
        # shellcheck disable=SC1090
        [ -r "$init" ] && . "$init"
    done
    command -v module >/dev/null 2>&1 || fail "RADICAL_ORBIT_MODULES is set, and there is no 'module' on $(hostname)"
    for wanted in $RADICAL_ORBIT_MODULES; do
        module load "$wanted" || fail "module load $wanted failed on $(hostname)"
    done
fi

if [ -n "${RADICAL_ORBIT_CONDA:-}" ]; then
    conda=${CONDA_EXE:-$(command -v conda || command -v mamba)}
    [ -n "$conda" ] || fail "RADICAL_ORBIT_CONDA is set, and there is no conda on $(hostname)"
    commands=$("$conda" shell.posix activate "$RADICAL_ORBIT_CONDA") \
        || fail "the conda environment $RADICAL_ORBIT_CONDA can't be activated"
    eval "$commands"
fi

if [ -n "${RADICAL_ORBIT_VENV:-}" ]; then
    [ -r "$RADICAL_ORBIT_VENV/bin/activate" ] || fail "$RADICAL_ORBIT_VENV/bin/activate isn't there on $(hostname)"
    # shellcheck disable=SC1091
    . "$RADICAL_ORBIT_VENV/bin/activate"
fi

if [ -n "${RADICAL_ORBIT_SETUP:-}" ]; then
    eval "$RADICAL_ORBIT_SETUP"
fi

python=${RADICAL_ORBIT_PYTHON:-}
if [ -z "$python" ]; then
    for candidate in "$here/python3" "$here/python" "$(command -v python3)"; do
        [ -x "$candidate" ] && python=$candidate && break
    done
fi
[ -x "$python" ] || fail "there is no Python at ${python:-$here} on $(hostname): set RADICAL_ORBIT_PYTHON"
PATH=$(dirname -- "$python"):$PATH
export PATH
unset RADICAL_ORBIT_PYTHON

if [ -z "${RADICAL_ORBIT_SCRATCH:-}" ]; then
    exec "$python" -m orbit_jupyter.endpoint "$@"
fi

mkdir -p "$RADICAL_ORBIT_SCRATCH" || fail "the folder $RADICAL_ORBIT_SCRATCH can't be made on $(hostname)"
TMPDIR=$(mktemp -d "$RADICAL_ORBIT_SCRATCH/orbit-XXXXXXXX") || fail "$RADICAL_ORBIT_SCRATCH can't be written to"
export TMPDIR
# Its folder goes with it, so this shell stays, and passes on what it is told.
"$python" -m orbit_jupyter.endpoint "$@" &
endpoint=$!
trap 'kill -TERM "$endpoint" 2>/dev/null' TERM INT HUP USR1 USR2 XCPU
while :; do
    wait "$endpoint"
    status=$?
    kill -0 "$endpoint" 2>/dev/null || break # otherwise a signal has ended the waiting, not the endpoint
done
rm -rf -- "$TMPDIR"
exit "$status"
