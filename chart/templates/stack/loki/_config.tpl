{{/* One Loki that does everything, with its chunks and index on its own disk (grafana.com/docs/loki, "Configuration parameters"). */}}
{{- define "wmc.stack.loki.config" -}}
auth_enabled: false
server:
  http_listen_port: 3100
  grpc_listen_port: 9095
  log_level: warn
common:
  instance_addr: 127.0.0.1
  path_prefix: /loki
  replication_factor: 1
  ring:
    kvstore: {store: inmemory}
  storage:
    filesystem:
      chunks_directory: /loki/chunks
      rules_directory: /loki/rules
schema_config:
  configs:
    - from: "2024-01-01"
      store: tsdb
      object_store: filesystem
      schema: v13
      index: {prefix: index_, period: 24h}
limits_config:
  retention_period: {{ .Values.stack.loki.retention }}
  allow_structured_metadata: true
  volume_enabled: true
  # The service writes one line a message: the defaults are for many tenants.
  ingestion_rate_mb: 16
  ingestion_burst_size_mb: 32
  per_stream_rate_limit: 16MB
  per_stream_rate_limit_burst: 32MB
compactor:
  working_directory: /loki/compactor
  retention_enabled: true
  delete_request_store: filesystem
query_range:
  results_cache:
    cache:
      embedded_cache: {enabled: true, max_size_mb: 32}
analytics:
  reporting_enabled: false
{{- end -}}
