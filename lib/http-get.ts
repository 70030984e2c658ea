import http from 'node:http';
import https from 'node:https';
import { VERSION } from './version.ts';

/** Longest body that is read whole. Bytes. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

/** Says who asks, so that the service's owner can tell the monitor from Prometheus. */
export const USER_AGENT = `websocket-monitor/${VERSION}`;

/** A request's options beside its URL: headers, agent, certificates. */
export type RequestOptions = https.RequestOptions;

/** A whole answer. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** No answer came. The message says why, and from where. */
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
 * @throws {NoAnswerError}
 */
export async function getText(url: URL, timeoutMs: number, options: RequestOptions = {}): Promise<Answer> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  try {
    const response = await openStream(url, { ...options, signal });
    return { status: response.statusCode ?? 0, body: await readBody(response) };
  } catch (error) {
    throw timeout.aborted
      ? new NoAnswerError(`no answer from ${url.host} in ${timeoutMs / 1000} s`, 'TIMEOUT', error)
      : error;
  }
}

/**
 * Gets a URL and hands over the answer as soon as its head is there.
 * @throws {NoAnswerError}
 */
export function openStream(url: URL, options: RequestOptions = {}): Promise<http.IncomingMessage> {
  const { get } = url.protocol === 'https:' ? https : http;
  const headers = { 'user-agent': USER_AGENT, ...(options.headers as http.OutgoingHttpHeaders | undefined) };
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, auth: credentialsOf(url), ...options, headers }, resolve);
    request.on('socket', (socket) => {
      // A peer that vanished without a word would leave a stream open for ever.
      if ('setKeepAlive' in socket) socket.setKeepAlive(true, 10_000);
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      reject(new NoAnswerError(reasonOf(error, url), error.code ?? error.name, error));
    });
  });
}

async function readBody(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES)
      throw new NoAnswerError(`the answer is larger than ${MAX_BODY_BYTES} bytes`, 'TOO_LARGE');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What `user:password@` in a URL stands for; Node.js does not decode it. */
function credentialsOf({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  return `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
}

/** A sentence for a system error: host and port, never the credentials of a URL. */
function reasonOf(error: NodeJS.ErrnoException, { host }: URL): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return `connection refused at ${host}`;
    case 'ECONNRESET':
    case 'EPIPE':
      return `connection to ${host} was cut`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the name of ${host} can not be resolved`;
    default:
      // Where several addresses were tried, the error holds one for each and has no text of its own.
      return `${host}: ${error.message === '' ? (error.code ?? 'no connection') : error.message}`;
  }
}
