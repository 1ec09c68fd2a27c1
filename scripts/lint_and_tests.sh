#!/bin/sh
# Lint, types and import rules at the same time as the tests. What lint says is shown when the tests are done, then the
# closing line of pytest once more, as the last one. Fails when either fails. Arguments go to pytest.
logs=build/test
mkdir -p "$logs"
make --no-print-directory lint >"$logs/lint.txt" 2>&1 &
lint=$!
trap 'kill $lint 2>/dev/null' INT TERM

colour=no
[ -t 1 ] && colour=yes
{ "$PY" -m pytest $TOGETHER --color=$colour "$@"; echo $? >"$logs/status"; } 2>&1 | tee "$logs/tests.txt"
tests=$(cat "$logs/status")

wait $lint
linted=$?
echo
cat "$logs/lint.txt"
[ "$linted" = 0 ] && echo "Lint, types and import rules: passed." || echo "Lint, types and import rules: FAILED, see above."
echo
grep . "$logs/tests.txt" | tail -n 1
[ "$tests" = 0 ] && [ "$linted" = 0 ]
