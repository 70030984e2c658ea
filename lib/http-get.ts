import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { codeOf, isPlainServer, tlsProblem } from './tls-problem.ts';
import { VERSION } from './version.ts';

/** A whole answer. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** No answer came. The message says why, and from where, without the credentials of the URL. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
  /** Code of the system error, such as `ECONNREFUSED`; `TIMEOUT` if the time was over. */
  readonly code: string;

  constructor(message: string, code: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/**
 * Gets a URL, each time over a connection of its own: an idle one that a server closes at its shutdown would look like a
 * failure.
 * @param timeoutMs bound on the whole exchange
 * @param options headers, certificates, an agent
 * @throws {NoAnswerError}
 */
export async function getText(url: URL, timeoutMs: number, options: https.RequestOptions = {}): Promise<Answer> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  // So that the service's owner can tell these requests from those of Prometheus.
  const headers = {
    'user-agent': `websocket-message-counter-tools/${VERSION}`,
    ...(options.headers as http.OutgoingHttpHeaders | undefined),
  };
  const { get } = url.protocol === 'https:' ? https : http;
  try {
    const request = get(url, { agent: false, auth: credentialsOf(url), ...options, headers, signal });
    // An error after the response has begun reaches the response too.
    request.on('error', () => undefined);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    return { status: response.statusCode ?? 0, body: await text(response) };
  } catch (error) {
    if (timeout.aborted)
      throw new NoAnswerError(`no answer from ${url.host} in ${timeoutMs / 1000} s`, 'TIMEOUT', error);
    const { code, name } = error as NodeJS.ErrnoException;
    throw new NoAnswerError(reasonOf(error as NodeJS.ErrnoException, url), code ?? name, error);
  }
}

/** What `user:password@` in a URL stands for; Node.js does not decode it. */
function credentialsOf({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  return `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
}

function reasonOf(error: NodeJS.ErrnoException, { host }: URL): string {
  const code = codeOf(error);
  const { message } = error;
  switch (code) {
    case 'ECONNREFUSED':
      return `connection refused at ${host}`;
    case 'ECONNRESET':
    case 'EPIPE':
      return `connection to ${host} was cut`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the name of ${host} can not be resolved`;
    default: {
      const problem = tlsProblem(code ?? '');
      if (problem !== undefined) return `${host}: ${problem.what}${remedyOf(code ?? '', problem.ofTrust)}`;
      // Where several addresses were tried, the error holds one for each and has no text of its own.
      return `${host}: ${message === '' ? (code ?? 'no connection') : message}`;
    }
  }
}

function remedyOf(code: string, ofTrust: boolean): string {
  if (isPlainServer(code)) return '; does it want http://?';
  return ofTrust ? '; NODE_EXTRA_CA_CERTS names a file with the certificate of its authority' : '';
}
