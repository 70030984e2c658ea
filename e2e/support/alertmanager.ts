import { SETTINGS } from './settings.ts';

/** An alert that Alertmanager has, as its API lists it. */
export interface HeldAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly status: { readonly state: 'active' | 'suppressed' | 'unprocessed'; readonly inhibitedBy: readonly string[] };
}

/** The HTTP API of the Alertmanager that the operator runs (github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml). */
export class Alertmanager {
  /** Its configuration, as it is in force; addresses are left out of it. */
  async configuration(): Promise<string> {
    const { config } = await get<{ config: { original: string } }>('status');
    return config.original;
  }

  /** Alerts of a release that it has been told of and that have not ended. */
  alerts(namespace: string, release: string): Promise<readonly HeldAlert[]> {
    const query = new URLSearchParams([
      ['filter', `namespace="${namespace}"`],
      ['filter', `release="${release}"`],
    ]);
    return get(`alerts?${query.toString()}`);
  }
}

async function get<T>(path: string): Promise<T> {
  const response = await fetch(`${SETTINGS.alertmanagerUrl}/api/v2/${path}`, { signal: AbortSignal.timeout(20_000) });
  if (!response.ok) throw new Error(`Alertmanager answered HTTP ${response.status} to ${path}`);
  return (await response.json()) as T;
}
