#!/bin/sh
# Makes sure that there is what the tests need beside Go and Node, and what the
# race detector needs, with the argument "race". Only root installs something;
# anybody else is told the one command that does.
set -eu
missing=
has() { for name in "$@"; do command -v "$name" >/dev/null 2>&1 && return; done; return 1; }
has chromium chromium-browser google-chrome || missing="$missing chromium"
PATH="$PATH:/usr/sbin" has pgbouncer || missing="$missing pgbouncer"
[ "${1:-}" != race ] || has gcc clang || missing="$missing gcc libc6-dev"
[ -n "$missing" ] || exit 0
if ! has apt-get; then
	echo "The tests need:$missing. Install them with your system's package manager." >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "The tests need:$missing. Run 'sudo apt-get install --no-install-recommends$missing' once." >&2
	exit 1
fi
echo "Installing$missing for the tests …"
apt-get update -qq
# Nothing that is installed may start a server on this machine.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
	trap 'rm -f "$policy"' EXIT
fi
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
