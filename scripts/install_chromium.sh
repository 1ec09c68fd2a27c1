#!/bin/sh
# Installs Debian's Chromium for the browser tests, where apt is there and may be used. Never fails the caller:
# without a browser those tests skip and say why.
command -v apt-get >/dev/null || { echo "No apt here: the browser tests will be skipped."; exit 0; }
if [ "$(id -u)" = 0 ]; then run=""; elif sudo -n true 2>/dev/null; then run="sudo -n"; else
  echo "apt needs rights that this user lacks: the browser tests will be skipped unless Chromium is installed."; exit 0
fi
$run apt-get update -qq && DEBIAN_FRONTEND=noninteractive $run apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core \
  || echo "Chromium could not be installed: the browser tests will be skipped."
exit 0
