import { lookup } from 'node:dns/promises';
import { randomUUID } from 'node:crypto';
import { Connection, ENDED, NOT_HTTP, type Endpoint, type Refusal } from './connection.ts';
import type { Settings } from './settings.ts';
import { UsageError } from './usage-error.ts';

/** Time for the service to close the trial connection, in milliseconds. */
const CLOSE_TIMEOUT_MS = 2000;

/** What the trial connection showed. */
export interface Reached {
  readonly endpoint: Endpoint;
  /** Code that its close ended with. */
  readonly closeCode: number;
}

type Trial = { readonly closeCode: number } | { readonly refused: Refusal } | { readonly failed: string };

/**
 * Finds the address of the host at which a WebSocket opens, by opening one, and closes it.
 * @throws {UsageError} saying why none does
 */
export async function preflight(settings: Settings): Promise<Reached> {
  const { host: target, insecure } = settings;
  const failures: string[] = [];
  for (const address of await resolve(target.hostname)) {
    const { secure, port, host } = target;
    const endpoint: Endpoint = { secure, address, port, host, verifyCertificate: !insecure };
    const trial = await tryOnce(endpoint, settings);
    if ('closeCode' in trial) return { endpoint, closeCode: trial.closeCode };
    if ('refused' in trial) throw new UsageError(refusal(trial.refused, settings));
    failures.push(trial.failed);
  }
  throw new UsageError(`No WebSocket opens at ${target.host}: ${explain(failures[0] ?? '', settings)}.`);
}

/** All addresses of a name, IPv4 first: loopback has more than one address there alone. */
async function resolve(hostname: string): Promise<string[]> {
  try {
    const found = await lookup(hostname, { all: true });
    return [...new Set(found.toSorted((a, b) => a.family - b.family).map(({ address }) => address))];
  } catch {
    throw new UsageError(`The host ${hostname} can not be resolved: check --host.`);
  }
}

function tryOnce(endpoint: Endpoint, settings: Settings): Promise<Trial> {
  const { host: target, header: headers, connectTimeout } = settings;
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const end = (trial: Trial): void => {
      clearTimeout(timer);
      resolve(trial);
    };
    const cutAfter = (ms: number): void => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        connection.cut('timeout');
      }, ms);
    };
    const path = `${target.path}${target.path.includes('?') ? '&' : '?'}session_id=${randomUUID()}`;
    const owner = {
      opened: () => {
        cutAfter(CLOSE_TIMEOUT_MS);
        connection.close(1000);
      },
      refused: (refused: Refusal) => {
        end({ refused });
      },
      failed: (failed: string) => {
        end({ failed });
      },
      message: () => undefined,
      closed: (closeCode: number) => {
        end({ closeCode });
      },
    };
    const connection = new Connection(owner, { endpoint, path, headers });
    cutAfter(connectTimeout * 1000);
  });
}

function refusal({ status, body }: Refusal, { host: target }: Settings): string {
  const said = typeof body === 'object' && body !== null && 'message' in body ? body.message : undefined;
  const reason = typeof said === 'string' ? `: ${said.slice(0, 200).replace(/\.$/, '')}` : '';
  return `${target.host}${target.path} answered with HTTP ${status} instead of a WebSocket${reason}.`;
}

/** Words for the failures that one meets. */
function explain(failure: string, { host: target, connectTimeout }: Settings): string {
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'nothing listens there (connection refused)',
    timeout: `no answer within ${connectTimeout} s`,
    [ENDED]: 'the connection was ended without an answer',
    [NOT_HTTP]: 'what answers does not speak HTTP',
    ECONNRESET: `the connection was reset${target.secure ? '' : '; does it want wss://?'}`,
    DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; --insecure accepts it',
    ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS; does it want ws://?',
  };
  return words[failure] ?? failure;
}
