import { createHash, randomBytes } from 'node:crypto';

/** Longest head of an answer, in bytes. */
const MAX_HEAD_BYTES = 16_384;
/** Longest body of a refusal that is read, in bytes. */
const MAX_BODY_BYTES = 16_384;
/** RFC 6455, section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** An HTTP answer to a handshake. */
export interface Answer {
  readonly status: number;
  /** Header names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Its JSON body, if it is one. */
  readonly body: unknown;
}

/** What a handshake asks for. */
export interface Request {
  /** Value of the Host header. */
  readonly host: string;
  /** Path and query. */
  readonly path: string;
  /** Further header lines, `Name: value`. */
  readonly headers: readonly string[];
}

/** One opening handshake (RFC 6455, section 4.1): the text to send, and the answer, read piece by piece. */
export class Handshake {
  readonly request: string;
  readonly #key = randomBytes(16).toString('base64');
  #received = '';
  #headEnd = -1;
  #answer: { status: number; headers: Map<string, string> } | undefined;

  constructor({ host, path, headers }: Request) {
    this.request = [
      `GET ${path} HTTP/1.1`,
      `Host: ${host}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${this.#key}`,
      ...headers,
      '\r\n',
    ].join('\r\n');
  }

  /** Something of an answer has arrived. */
  get begun(): boolean {
    return this.#received !== '';
  }

  /**
   * Reads a piece of the answer.
   * @returns `undefined` if more must come; else the answer and, after a 101, what followed its head
   */
  push(piece: Buffer): { answer: Answer; rest: Buffer } | { problem: string } | undefined {
    this.#received += piece.toString('latin1');
    if (this.#answer === undefined) {
      this.#headEnd = this.#received.indexOf('\r\n\r\n');
      if (this.#headEnd === -1)
        return this.#received.length > MAX_HEAD_BYTES ? { problem: 'an endless HTTP head' } : undefined;
      this.#answer = parseHead(this.#received.slice(0, this.#headEnd));
      if (this.#answer === undefined) return { problem: 'no HTTP answer' };
    }
    const { status, headers } = this.#answer;
    const rest = this.#received.slice(this.#headEnd + 4);
    if (status !== 101) return this.#refusal(rest, false);
    const problem = this.#acceptProblem(headers);
    return problem === undefined
      ? { answer: { status, headers, body: undefined }, rest: Buffer.from(rest, 'latin1') }
      : { problem };
  }

  /** The server has ended the connection: the refusal as far as it came, if it came. */
  end(): Answer | undefined {
    return this.#answer === undefined
      ? undefined
      : this.#refusal(this.#received.slice(this.#headEnd + 4), true)?.answer;
  }

  #refusal(body: string, ended: boolean): { answer: Answer; rest: Buffer } | undefined {
    const { status = 0, headers = new Map<string, string>() } = this.#answer ?? {};
    const length = Number(headers.get('content-length') ?? Infinity);
    if (!ended && body.length < Math.min(length, MAX_BODY_BYTES)) return undefined;
    return {
      answer: { status, headers, body: parseJson(Buffer.from(body, 'latin1').toString()) },
      rest: Buffer.alloc(0),
    };
  }

  #acceptProblem(headers: ReadonlyMap<string, string>): string | undefined {
    const expected = createHash('sha1')
      .update(this.#key + GUID)
      .digest('base64');
    if (headers.get('sec-websocket-accept') !== expected) return 'a wrong Sec-WebSocket-Accept';
    if (headers.get('upgrade')?.toLowerCase() !== 'websocket') return 'a 101 without Upgrade: websocket';
    if (headers.has('sec-websocket-extensions')) return 'an extension that was not offered';
    return undefined;
  }
}

function parseHead(head: string): { status: number; headers: Map<string, string> } | undefined {
  const [first = '', ...lines] = head.split('\r\n');
  const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first)?.[1];
  if (status === undefined) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: Number(status), headers };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
