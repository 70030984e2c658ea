import { lookup } from 'node:dns/promises';
import { randomUUID } from 'node:crypto';
import tls from 'node:tls';
import { isPlainServer, tlsProblem } from '../../lib/tls-problem.ts';
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
  const { host: target, insecure, ca } = settings;
  const failures: string[] = [];
  for (const address of await resolve(target.hostname)) {
    const { secure, port, host } = target;
    const endpoint: Endpoint = { secure, address, port, host, verifyCertificate: !insecure, ca };
    const trial = await tryOnce(endpoint, settings);
    if ('closeCode' in trial) return { endpoint, closeCode: trial.closeCode };
    const failure = 'refused' in trial ? '' : trial.failed;
    if (await wantsTls(endpoint, failure)) failures.push(TLS_WANTED);
    else if ('refused' in trial) throw new UsageError(refusal(trial.refused, settings));
    else failures.push(failure);
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

/** Time for the TLS handshake that finds out what a server is, in milliseconds. */
const TLS_TIMEOUT_MS = 2000;
const TLS_WANTED = 'TLS wanted';

/** Whether a server that does not open a WebSocket without TLS speaks TLS: no answer says so in a way that all share. */
async function wantsTls({ secure, address, port }: Endpoint, failure: string): Promise<boolean> {
  if (secure || UNREACHABLE.includes(failure)) return false;
  const socket = tls.connect({ host: address, port, rejectUnauthorized: false, timeout: TLS_TIMEOUT_MS });
  return new Promise((resolve) => {
    const end = (speaksTls: boolean) => (): void => {
      resolve(speaksTls);
      socket.destroy();
    };
    socket.on('secureConnect', end(true)).on('timeout', end(false)).on('error', end(false)).on('close', end(false));
  });
}

const UNREACHABLE: readonly string[] = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL'];

/** Words for the failures that one meets. */
function explain(failure: string, { host: target, connectTimeout }: Settings): string {
  const other = `--host ${target.secure ? 'ws' : 'wss'}://${target.host}`;
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'nothing listens there (connection refused)',
    timeout: `no answer within ${connectTimeout} s`,
    [ENDED]: 'the connection was ended without an answer',
    [NOT_HTTP]: 'what answers does not speak HTTP',
    ECONNRESET: `the connection was reset${target.secure ? ' in the TLS handshake' : ''}`,
    [TLS_WANTED]: `it speaks TLS: give ${other}`,
  };
  const problem = tlsProblem(failure);
  if (problem === undefined) return words[failure] ?? failure;
  if (isPlainServer(failure)) return `${problem.what}: give ${other}`;
  return `${problem.what}; ${
    problem.ofTrust
      ? '--ca FILE or NODE_EXTRA_CA_CERTS=FILE trusts the certificate of its authority, --insecure accepts any'
      : '--insecure accepts any'
  }`;
}
