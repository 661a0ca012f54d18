#!/usr/bin/env bash
# Debian packages that the tests use (the studio itself needs none). As root they are installed; otherwise the missing
# ones are named with what they give, and the set-up goes on.
set -u
case "${1:-test}" in
  test) wanted=(
    chromium:chromium:"the browser tests"
    redis-server:redis-server:"the tests of the gateway's cache"
    prometheus:promtool:"the tests of alerts and dashboard"
    docker-compose:docker-compose:"the check of the compose file"
  ) ;;
  *) echo "usage: system-packages.sh test" >&2; exit 2 ;;
esac

has() { command -v "$1" >/dev/null 2>&1 || ldconfig -p 2>/dev/null | grep -q "$1"; }

missing=()
for entry in "${wanted[@]}"; do
  IFS=: read -r package probe gives <<<"$entry"
  has "$probe" || { missing+=("$package"); echo "$package is missing: it gives $gives."; }
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >/dev/null 2>&1
  for package in "${missing[@]}"; do
    apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 || echo "Could not install $package; going on without it."
  done
else
  echo "Missing system packages: ${missing[*]} (apt-get install ${missing[*]}); going on without them."
fi
exit 0
