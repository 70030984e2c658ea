# Three things come from this file: the image that runs (the last stage, the default), the container that `skaffold dev`
# syncs sources into (`--target dev`), and the stages they share.
#   docker build -t websocket-message-counter .
# The base images can be those of another registry: --build-arg NODE_IMAGE=..., RUNTIME_IMAGE=...
ARG NODE_IMAGE=node:24-bookworm-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian12:nonroot

# What is JavaScript is the same on every processor: its stages run on the machine's own, whichever the image is for.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# Install scripts are other people's programs; none of the production dependencies needs its own. The optional ones are not
# for the image: winston-loki's snappy is machine code, which its JSON mode never loads; uplot draws the load test's report.
RUN --mount=type=cache,target=/npm-cache npm ci --cache /npm-cache --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/npm-cache npm ci --cache /npm-cache --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.ts scripts/
COPY lib lib
COPY client client
COPY service service
RUN npm run build

# Dependencies as they are loaded at run time: without type declarations, source maps and pages for people.
FROM dependencies AS slim
RUN find node_modules -type f \( -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' -o -name '*.map' -o -iname '*.md' \) -delete \
  && rm -rf node_modules/@types node_modules/undici-types node_modules/.package-lock.json \
    node_modules/@opentelemetry/*/build/esm node_modules/@opentelemetry/*/build/esnext

# TypeScript sources, run as they are by Node.js' type stripping, and restarted when they change. The files in dist/ give it the
# layout of the image that runs, so that the chart's commands (main, preStop hook, self-test) are the same for both.
FROM ${NODE_IMAGE} AS dev
WORKDIR /app
COPY --from=dependencies /app ./
RUN mkdir -p /nodejs/bin && ln -s "$(command -v node)" /nodejs/bin/node \
  && mkdir -p dist/service/src \
  && echo "await import('../../../scripts/dev-container.ts');" > dist/service/src/main.js \
  && for program in prestop selftest; do \
       echo "await import('../../../service/src/$program.ts');" > "dist/service/src/$program.js"; \
     done \
  && chown -R 65532:65532 /app
COPY --chown=65532:65532 scripts/dev-container.ts scripts/
COPY --chown=65532:65532 lib lib
COPY --chown=65532:65532 client client
COPY --chown=65532:65532 service service
ENV NODE_ENV=development ADMIN_PORT=8081
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/nodejs/bin/node"]
CMD ["dist/service/src/main.js"]

FROM ${RUNTIME_IMAGE}
WORKDIR /app
COPY --from=slim /app/node_modules node_modules
COPY --from=build /app/dist dist
ENV NODE_ENV=production ADMIN_PORT=8081
# By number, so that `runAsNonRoot` can tell without looking into the image.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/nodejs/bin/node"]
CMD ["dist/service/src/main.js"]
# Last, since they change with each commit. The version is package.json's, checked by a test.
ARG RUNTIME_IMAGE
ARG VERSION=0.1.0
ARG REVISION=""
ARG CREATED=""
LABEL org.opencontainers.image.title="websocket-message-counter" \
      org.opencontainers.image.description="Counts the messages of WebSocket sessions" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/x/websocket-message-counter" \
      org.opencontainers.image.url="https://github.com/x/websocket-message-counter" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${RUNTIME_IMAGE}"
