import type { ClientRequestArgs, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { WebSocket } from 'ws';
import { codeOf, trustedWith } from '../../lib/tls-problem.ts';
import { SlowSocket } from './slow-socket.ts';

/** Longest message taken from a server, in bytes: it is no more than a short JSON object. */
const MAX_MESSAGE_BYTES = 1_048_576;
/** Longest body of a refusal that is read, in characters. */
const MAX_BODY_LENGTH = 16_384;

/** Where connections lead to. */
export interface Endpoint {
  readonly secure: boolean;
  /** IP address, or a name. */
  readonly address: string;
  readonly port: number;
  /** Value of the Host header; its name is also the TLS server name. */
  readonly host: string;
  /** Refuse certificates that can't be verified. */
  readonly verifyCertificate: boolean;
  /** Certificates in PEM format, trusted beside those of Node.js. */
  readonly ca?: string | undefined;
}

/** How one connection is made. */
export interface ConnectionOptions {
  readonly endpoint: Endpoint;
  /** Path and query. */
  readonly path: string;
  /** Further headers of the handshake. */
  readonly headers: Readonly<OutgoingHttpHeaders>;
  /** Address to connect from; the system's choice if not given. */
  readonly localAddress?: string | undefined;
  /** Once it is open, read this many bytes a second. */
  readonly readsBytesPerSecond?: number | undefined;
  /** Leave pings unanswered. */
  readonly mute?: boolean | undefined;
  /** Send half a handshake, and nothing more. */
  readonly halfHandshake?: boolean | undefined;
}

/** An HTTP answer to a handshake that is not a 101. */
export interface Refusal {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** Its JSON body, if it has one. */
  readonly body: unknown;
}

/** Receives what happens to a connection. Each connection ends with one of `refused`, `failed` and `closed`. */
export interface ConnectionOwner {
  /** The handshake is done. @param sessionId its `X-Session-Id` header */
  opened(sessionId: string | undefined): void;
  /** The server answered the handshake with another status than 101. */
  refused(refusal: Refusal): void;
  /**
   * No connection was opened.
   * @param kind of failure: a system error's code such as `ECONNREFUSED`, or a few words
   * @param reached the server may have accepted it all the same
   */
  failed(kind: string, reached: boolean): void;
  message(text: string): void;
  /**
   * The connection is over.
   * @param code received in a close frame; 1005 for one without a code, 1006 if none came
   * @param problem how the server broke the protocol, if it did
   */
  closed(code: number, reason: string, problem: string | undefined): void;
}

/**
 * One client's side of a WebSocket, by `ws`. Its TCP connection is made here (`createConnection` of `http.request`), so
 * that it can be reset, read slowly and sent bytes that `ws` refuses to send.
 */
export class Connection {
  readonly #owner: ConnectionOwner;
  readonly #tcp: net.Socket;
  readonly #slow: SlowSocket | undefined;
  /** Not there for one that sends half a handshake. */
  readonly #webSocket: WebSocket | undefined;
  #connected = false;
  #opened = false;
  #refused = false;
  #failure: string | undefined;
  #problem: string | undefined;

  constructor(owner: ConnectionOwner, options: ConnectionOptions) {
    const { endpoint, localAddress, readsBytesPerSecond, halfHandshake } = options;
    this.#owner = owner;
    this.#tcp = connect(endpoint, localAddress)
      .once(endpoint.secure ? 'secureConnect' : 'connect', () => {
        this.#connected = true;
      })
      .on('error', (error: NodeJS.ErrnoException) => {
        this.#failure ??= kindOf(error);
      });
    this.#slow = readsBytesPerSecond === undefined ? undefined : new SlowSocket(this.#tcp, readsBytesPerSecond);
    if (halfHandshake === true) this.#sendHalf(options);
    else this.#webSocket = this.#openWebSocket(options);
  }

  /** Sends a message; a Buffer as text if `binary` is false. */
  send(data: string | Buffer, binary = typeof data !== 'string'): void {
    this.#webSocket?.send(data, { binary });
  }

  /** Sends bytes as they are, past `ws`. */
  sendRaw(bytes: Buffer): void {
    this.#tcp.write(bytes);
  }

  /** Sends a close frame; the server answers it and the connection ends. */
  close(code: number): void {
    this.#webSocket?.close(code);
  }

  /**
   * Ends the connection at once, without a close frame.
   * @param failure kind to report if it was not open yet
   */
  cut(failure?: string): void {
    this.#failure ??= failure;
    // A reset would wait for the connection to be established, and TLS sockets have none.
    if (this.#tcp.connecting || this.#tcp instanceof tls.TLSSocket) this.#tcp.destroy();
    else this.#tcp.resetAndDestroy();
  }

  /** From now on reads whatever comes. */
  readFreely(): void {
    this.#slow?.readFreely();
  }

  #openWebSocket({ endpoint, path, headers, mute }: ConnectionOptions): WebSocket {
    const options: Omit<WebSocket.ClientOptions, 'headers' | 'createConnection'> & ClientRequestArgs = {
      headers,
      perMessageDeflate: false,
      // What a message says is checked anyway.
      skipUTF8Validation: true,
      maxPayload: MAX_MESSAGE_BYTES,
      autoPong: mute !== true,
      createConnection: () => this.#slow ?? this.#tcp,
    };
    return new WebSocket(`${endpoint.secure ? 'wss' : 'ws'}://${endpoint.host}${path}`, options)
      .on('upgrade', ({ headers: answered }) => {
        this.#opened = true;
        const sessionId = answered['x-session-id'];
        // The handshake is checked after this event, before the next one.
        this.#webSocket?.once('open', () => {
          this.#slow?.readSlowly();
          this.#owner.opened(typeof sessionId === 'string' ? sessionId : undefined);
        });
      })
      .on('unexpected-response', (_request, response) => {
        this.#readRefusal(response);
      })
      .on('message', (data: Buffer) => {
        this.#owner.message(data.toString());
      })
      .on('error', (error: NodeJS.ErrnoException) => {
        if (this.#opened) this.#problem ??= error.message;
        this.#failure ??= kindOf(error);
      })
      .on('close', (code, reason) => {
        if (this.#opened) this.#owner.closed(code, reason.toString(), this.#problem);
        else this.#fail();
      });
  }

  #readRefusal(response: IncomingMessage): void {
    let text = '';
    response
      .setEncoding('utf8')
      .on('data', (piece: string) => {
        text += piece;
        if (text.length > MAX_BODY_LENGTH) response.destroy();
      })
      .on('error', () => undefined)
      .on('close', () => {
        this.#tcp.destroy();
        this.#refuse(response.statusCode ?? 0, response.headers['retry-after'], parseJson(text));
      });
  }

  #sendHalf({ endpoint, path }: ConnectionOptions): void {
    let text = '';
    this.#tcp
      .setEncoding('latin1')
      .on('data', (piece: string) => {
        text += piece;
        const status = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1];
        if (status === undefined) return;
        this.#refuse(Number(status), undefined, undefined);
        this.#tcp.destroy();
      })
      .on('close', () => {
        this.#fail();
      })
      .write(`GET ${path} HTTP/1.1\r\nHost: ${endpoint.host}\r\nUpgrade: webso`);
  }

  #refuse(status: number, retryAfter: string | undefined, body: unknown): void {
    if (this.#refused) return;
    this.#refused = true;
    this.#owner.refused({ status, retryAfter, body });
  }

  #fail(): void {
    if (!this.#refused) this.#owner.failed(this.#failure ?? ENDED, this.#connected);
  }
}

/** Kind of failure of a connection that ended before its handshake was answered. */
export const ENDED = 'ended by the server';
/** Kind of failure where the answer to a handshake is not HTTP. */
export const NOT_HTTP = 'no HTTP answer';

function kindOf(error: NodeJS.ErrnoException): string {
  const code = codeOf(error);
  if (error.message === 'socket hang up') return ENDED;
  return code?.startsWith('HPE_') ? NOT_HTTP : (code ?? error.message);
}

function connect({ secure, address, port, host, verifyCertificate, ca }: Endpoint, localAddress?: string): net.Socket {
  const options = { host: address, port, noDelay: true, ...(localAddress !== undefined && { localAddress }) };
  if (!secure) return net.connect(options);
  const servername = new URL(`http://${host}`).hostname.replace(/^\[|\]$/g, '');
  return tls.connect({
    ...options,
    rejectUnauthorized: verifyCertificate,
    ...(ca !== undefined && { secureContext: contextOf(ca) }),
    // RFC 6066, section 3: a server name is never an address.
    ...(net.isIP(servername) === 0 && { servername }),
  });
}

const contexts = new Map<string, tls.SecureContext>();

/** Made once: reading all authorities takes longer than a handshake. */
function contextOf(ca: string): tls.SecureContext {
  const context = contexts.get(ca) ?? tls.createSecureContext({ ca: trustedWith(ca) });
  contexts.set(ca, context);
  return context;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
