#!/usr/bin/env bash
# The commands for a machine with a GPU, as `make test-gpu` and `make bench-gpu` call them:
#   bash benchmarks/gpu.sh test|bench|both [--results FOLDER] [--device cpu] [--limit-s N]
# `both` ends within ten minutes. They need the packages that pyproject.toml lists to be importable,
# but neither an installation of this one, nor the lock file, nor a network. The interpreter is
# $PYTHON, else that of $VENV (.venv), else python3.
set -u
cd "$(dirname "$0")/.."
python=${PYTHON:-}
if [ -z "$python" ]; then
    python=${VENV:-.venv}/bin/python
    [ -x "$python" ] || python=python3
fi
export PYTHONPATH="src:.${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1

what=${1:-both}
[ $# -eq 0 ] || shift
case $what in test | bench | both) ;; *) sed -n '2,6p' "$0"; exit 2 ;; esac
"$python" -m benchmarks.needed || exit
failed=0
if [ "$what" != bench ]; then "$python" -m benchmarks.gpu_test "$@" || failed=1; fi
if [ "$what" != test ]; then "$python" -m benchmarks.gpu_bench "$@" || failed=1; fi
exit $failed
