import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Config } from '../config/options.ts';
import type { LokiSenderOptions } from './types.ts';

/**
 * What the configuration says of Loki, as a shipper needs it.
 * @throws {Error} if LOKI_CA_FILE can't be read
 */
export function lokiSenderOptions(config: Config): LokiSenderOptions {
  const { lokiTenantId, lokiCaFile } = config;
  const authorization = authorizationOf(config);
  return {
    url: config.lokiUrl,
    headers: {
      ...(authorization !== undefined && { Authorization: authorization }),
      ...(lokiTenantId !== '' && { 'X-Scope-OrgID': lokiTenantId }),
    },
    ...(lokiCaFile !== '' && { ca: readFileSync(lokiCaFile, 'utf8') }),
    timeoutMs: config.lokiTimeoutSeconds * 1000,
    retryMaxMs: config.lokiRetryMaxSeconds * 1000,
    bufferBytes: config.lokiBufferBytes,
    labels: { service: SERVICE, environment: config.environment },
    metadata: origin(config),
  };
}

/** Where lines come from: no labels, which would make streams of their own for each pod. A pod's host name is its name. */
function origin({ podName, podNamespace, releaseName }: Config): Readonly<Record<string, string>> {
  return {
    pod: podName === '' ? hostname() : podName,
    ...(podNamespace !== '' && { namespace: podNamespace }),
    ...(releaseName !== '' && { release: releaseName }),
  };
}

/** The `service` label. */
const SERVICE = 'websocket-message-counter';

function authorizationOf({ lokiBearerToken, lokiUsername, lokiPassword }: Config): string | undefined {
  if (lokiBearerToken !== '') return `Bearer ${lokiBearerToken}`;
  if (lokiUsername === '') return undefined;
  return `Basic ${Buffer.from(`${lokiUsername}:${lokiPassword}`).toString('base64')}`;
}
