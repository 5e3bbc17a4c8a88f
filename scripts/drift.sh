#!/bin/sh
# Fails when the Go files of the pages are not what templ makes of them.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp -r views go.mod go.sum "$scratch/"
find "$scratch/views" -name '*_templ.go' -delete
(cd "$scratch" && go tool templ generate >/dev/null 2>&1)
if ! diff -r views "$scratch/views" >/dev/null; then
	echo "generated files have drifted: run 'make generate' and commit" >&2
	diff -rq views "$scratch/views" >&2 || true
	exit 1
fi
