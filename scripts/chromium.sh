#!/bin/sh
# Makes sure that there is a Chromium for the browser tests.
set -eu
for name in chromium chromium-browser google-chrome; do
	if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done
sudo=
if [ "$(id -u)" -ne 0 ]; then
	if ! sudo -n true 2>/dev/null; then
		echo "The browser tests need Chromium, and this user may not install it: run 'apt-get install chromium' as root." >&2
		exit 1
	fi
	sudo=sudo
fi
if ! command -v apt-get >/dev/null 2>&1; then
	echo "The browser tests need Chromium: install it with your system's package manager." >&2
	exit 1
fi
echo "Installing Chromium for the browser tests …"
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends chromium >/dev/null
