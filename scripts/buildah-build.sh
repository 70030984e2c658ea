#!/usr/bin/env bash
# Builds the image for skaffold's profile `buildah`, on machines without Docker, and pushes it where skaffold says so.
#   buildah-build.sh [STAGE]     the Dockerfile's last stage, or STAGE
# Skaffold sets IMAGE, PUSH_IMAGE and BUILD_CONTEXT. Buildah's own variables hold: BUILDAH_ISOLATION, CONTAINERS_STORAGE_CONF, ...
# BUILDAH_FLAGS are more flags for `buildah build`.
set -euo pipefail
: "${IMAGE:?is set by skaffold}" "${BUILD_CONTEXT:=.}"
read -ra flags <<<"${BUILDAH_FLAGS:-}"
buildah build --layers --quiet ${1:+--target "$1"} "${flags[@]}" --tag "$IMAGE" "$BUILD_CONTEXT"
if [ "${PUSH_IMAGE:-false}" = true ]; then
  tls=()
  case ${IMAGE%%/*} in localhost:* | 127.0.0.1:*) tls=(--tls-verify=false) ;; esac
  buildah push --quiet "${tls[@]}" "$IMAGE"
fi
