#!/bin/sh
# Watches the service, here or in a cluster, for some seconds: `./scripts/monitor.sh 60`; --help and docs/monitor.md say more.
# It finds a Node.js that runs the program's TypeScript, and leaves the rest to the program.
set -eu
script=$0
while [ -L "$script" ]; do
  target=$(readlink "$script")
  case $target in /*) script=$target ;; *) script=$(dirname "$script")/$target ;; esac
done
root=$(cd "$(dirname "$script")/.." && pwd)
node=$root/node_modules/.bin/node
[ -x "$node" ] || node=$(command -v node) || node=
major=0
[ -z "$node" ] || major=$("$node" -p 'process.versions.node.split(".")[0]')
if [ "$major" -lt 24 ] || [ ! -d "$root/node_modules/@kubernetes/client-node" ]; then
  echo "monitor: needs Node.js 24 or later and the project's packages: run npm ci in $root" >&2
  exit 2
fi
exec "$node" "$root/monitor/src/main.ts" "$@"
