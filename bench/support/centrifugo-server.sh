#!/usr/bin/env bash
# A peer that figures are compared with: Centrifugo (the binary in CENTRIFUGO), its clients let in without tokens.
# Its first line on stdout is the service's `service_listening`, as far as benchmarks read it.
set -euo pipefail
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
# Below the ports that the system gives to clients: Centrifugo takes no 0.
until port=$((20000 + RANDOM % 10000)) && ! listens "$port"; do :; done
export CENTRIFUGO_CLIENT_INSECURE=true CENTRIFUGO_CLIENT_ALLOWED_ORIGINS='*'
export CENTRIFUGO_HTTP_SERVER_ADDRESS=127.0.0.1 CENTRIFUGO_HTTP_SERVER_PORT=$port
export CENTRIFUGO_HEALTH_ENABLED=true CENTRIFUGO_HEALTH_HANDLER_PREFIX=/readyz CENTRIFUGO_LOG_LEVEL=error
(
  until listens "$port"; do sleep 0.005; done
  echo "{\"event\":\"service_listening\",\"port\":$port}"
) &
exec "$CENTRIFUGO" 1>&2
