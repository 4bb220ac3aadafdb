#!/usr/bin/env bash
# Brings what the whole test-suite uses beside Python packages: axe-core, and Debian's PostgreSQL 15, Chromium and
# pgbouncer.
# What can't be had is said here; its tests are then skipped, each with its reason.
set -euo pipefail

# axe-core looks for what keeps people out; like a browser it is only used, never part of Coinpurse.
axe=tests/e2e/axe
if [ ! -d "$axe/node_modules/axe-core" ]; then
    if command -v npm >/dev/null; then
        npm ci --prefix "$axe" --no-audit --no-fund --silent --fetch-retries=1 --fetch-timeout=30000 || echo "npm could not install axe-core: its tests are skipped."
    else
        echo "There is no npm: the tests that use axe-core are skipped."
    fi
fi

missing=()
[ -x "${COINPURSE_TEST_PG15_BIN:-/usr/lib/postgresql/15/bin}/initdb" ] || missing+=(postgresql-15)
[ -x "${COINPURSE_TEST_CHROMIUM:-/usr/bin/chromium}" ] || missing+=(chromium)
[ -x "${COINPURSE_TEST_PGBOUNCER:-/usr/sbin/pgbouncer}" ] || missing+=(pgbouncer)
[ ${#missing[@]} -eq 0 ] && exit 0

say_skipped() {
    echo "Missing: ${missing[*]}. $1"
    echo "The tests that need them are skipped. To run them: apt-get install ${missing[*]} (Debian 12), or set" \
        "COINPURSE_TEST_PG15_BIN, COINPURSE_TEST_CHROMIUM and COINPURSE_TEST_PGBOUNCER."
}

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    say_skipped "They can be installed only by root on Debian."
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
echo "Installing ${missing[*]} ..."
log=$(mktemp)
apt-get update -qq >"$log" 2>&1 || true
for package in "${missing[@]}"; do
    apt-get install -y -qq --no-install-recommends "$package" >>"$log" 2>&1 || {
        missing=("$package")
        say_skipped "apt-get could not install it: $(tail -n 1 "$log")"
    }
done
rm -f "$log"
