#!/usr/bin/env bash
# A peer that figures are compared with: Centrifugo (the binary in CENTRIFUGO), its clients let in without tokens.
# Its first line on stdout is the service's `service_listening`, as far as benchmarks read it.
set -euo pipefail
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export CENTRIFUGO_CLIENT_INSECURE=true CENTRIFUGO_CLIENT_ALLOWED_ORIGINS='*'
export CENTRIFUGO_HTTP_SERVER_ADDRESS=127.0.0.1 CENTRIFUGO_HTTP_SERVER_PORT=$port
export CENTRIFUGO_LOG_LEVEL=error
(
  until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.02; done
  echo "{\"event\":\"service_listening\",\"port\":$port}"
) &
exec "$CENTRIFUGO" --http_server.port "$port" 1>&2
