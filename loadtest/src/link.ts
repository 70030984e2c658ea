import net from 'node:net';
import tls from 'node:tls';
import { closePayload, encodeFrame, FrameReader, OPCODES, type FrameSink } from './frames.ts';
import { Handshake, type Answer } from './handshake.ts';

/** Buffer for reads of all links of a process: bytes are used up before the next read. */
const SHARED_READ_BUFFER = Buffer.allocUnsafeSlow(65_536);

/** Where links lead to. */
export interface Endpoint {
  readonly secure: boolean;
  /** IP address. */
  readonly address: string;
  readonly port: number;
  /** Value of the Host header; its name is also the TLS server name. */
  readonly host: string;
  /** Refuse certificates that can't be verified. */
  readonly verifyCertificate: boolean;
}

/** How one link is made. */
export interface LinkOptions {
  readonly endpoint: Endpoint;
  /** Path and query. */
  readonly path: string;
  /** Further header lines of the handshake. */
  readonly headers: readonly string[];
  /** Address to connect from; the system's choice if not given. */
  readonly localAddress?: string | undefined;
  /** Read this many bytes at most, and then only when told to: see {@link Link.readOnce}. */
  readonly readBytes?: number | undefined;
  /** Leave pings unanswered. */
  readonly mute?: boolean | undefined;
  /** Turns the handshake's text into another one, for a client that behaves badly. */
  readonly spoil?: ((request: string) => string) | undefined;
}

/** Is told what happens to a link. Each link ends with one of `refused`, `failed` and `closed`. */
export interface LinkOwner {
  /** The handshake is done. */
  opened(answer: Answer): void;
  /** The server answered the handshake with another status than 101. */
  refused(answer: Answer): void;
  /**
   * No connection came about.
   * @param kind of failure: a system error's code such as `ECONNREFUSED`, or a few words
   * @param reached the server may have accepted it all the same
   */
  failed(kind: string, reached: boolean): void;
  /** A message came: `bytes` from `from` to before `to`, only valid during the call. */
  message(bytes: Buffer, from: number, to: number): void;
  /**
   * The connection is over.
   * @param code received in a close frame; 1005 for one without a code, 1006 if none came
   */
  closed(code: number, reason: string): void;
}

/**
 * The client's side of one WebSocket, as cheap as can be: it reads into a shared buffer and writes frames made beforehand,
 * which takes two thirds of the CPU time of the `ws` client (`npm run bench -- loadtest-cost`).
 */
export class Link implements FrameSink {
  readonly #socket: net.Socket;
  readonly #owner: LinkOwner;
  readonly #handshake: Handshake;
  readonly #mute: boolean;
  #reader: FrameReader | undefined;
  /** Reads only when told to. */
  #sips: boolean;
  #ended = false;
  #connected = false;
  #failure: string | undefined;
  #closeSent = false;
  #closeCode = 1006;
  #closeReason = '';

  constructor(owner: LinkOwner, { endpoint, path, headers, localAddress, readBytes, spoil, mute }: LinkOptions) {
    this.#owner = owner;
    this.#mute = mute === true;
    this.#sips = readBytes !== undefined;
    this.#handshake = new Handshake({ host: endpoint.host, path, headers });
    this.#socket = connect(endpoint, localAddress, readBytes, (bytes, length) => {
      this.#received(bytes, length);
    });
    this.#socket
      .on(endpoint.secure ? 'secureConnect' : 'connect', () => {
        this.#connected = true;
      })
      .on('error', (error: NodeJS.ErrnoException) => {
        this.#failure ??= error.code ?? error.message;
      })
      .on('close', () => {
        this.#end();
      });
    this.#socket.write(spoil === undefined ? this.#handshake.request : spoil(this.#handshake.request), 'latin1');
  }

  /** Sends ready-made bytes. */
  send(latin1: string): void {
    this.#socket.write(latin1, 'latin1');
  }

  /** Sends a close frame; the server answers it and ends the connection. */
  close(code: number, reason = ''): void {
    if (this.#closeSent) return;
    this.#closeSent = true;
    this.#socket.write(encodeFrame(OPCODES.close, closePayload(code, reason)));
  }

  /**
   * Ends the socket at once, without a close frame.
   * @param failure kind to report if no connection came about
   */
  cut(failure?: string): void {
    this.#failure ??= failure;
    // A reset would wait for the connection to come about, and TLS sockets know none.
    if (this.#socket.connecting || this.#socket instanceof tls.TLSSocket) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  /** For a link that reads only when told to: reads what its buffer holds. What else the server sent fills the buffers on the way. */
  readOnce(): void {
    this.#socket.resume();
  }

  /** From now on reads whatever comes. */
  readFreely(): void {
    this.#sips = false;
    this.#socket.resume();
  }

  message(bytes: Buffer, from: number, to: number): void {
    if (this.#closeCode === 1006) this.#owner.message(bytes, from, to);
  }

  control(opcode: number, payload: Buffer): void {
    if (opcode === OPCODES.ping && !this.#mute) this.#socket.write(encodeFrame(OPCODES.pong, payload));
    if (opcode !== OPCODES.close || this.#closeCode !== 1006) return;
    this.#closeCode = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
    this.#closeReason = payload.toString('utf8', 2);
    // The echo of RFC 6455, section 5.5.1. The server ends the TCP connection, so that TIME_WAIT stays on its side.
    if (!this.#closeSent) this.#socket.write(encodeFrame(OPCODES.close, payload.subarray(0, 2)));
    this.#closeSent = true;
  }

  broken(problem: string): void {
    this.#closeReason = `protocol error: ${problem}`;
    this.close(1002);
    this.#socket.end();
  }

  #received(bytes: Buffer, length: number): void {
    if (this.#reader !== undefined) {
      this.#reader.push(bytes, length);
      if (this.#sips) this.#socket.pause();
      return;
    }
    const outcome = this.#handshake.push(bytes.subarray(0, length));
    if (outcome === undefined || this.#ended) return;
    if ('problem' in outcome) this.cut(outcome.problem);
    else if (outcome.answer.status !== 101) this.#refuse(outcome.answer);
    else {
      this.#reader = new FrameReader(this);
      this.#owner.opened(outcome.answer);
      if (outcome.rest.length > 0) this.#reader.push(outcome.rest);
    }
  }

  #refuse(answer: Answer): void {
    this.#ended = true;
    this.#socket.destroy();
    this.#owner.refused(answer);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#reader !== undefined) {
      this.#owner.closed(this.#closeCode, this.#closeReason);
      return;
    }
    const answer = this.#handshake.end();
    if (answer !== undefined) this.#owner.refused(answer);
    else this.#owner.failed(this.#failure ?? 'ended by the server', this.#connected);
  }
}

type Received = (bytes: Buffer, length: number) => void;

function connect(
  endpoint: Endpoint,
  localAddress: string | undefined,
  readBytes: number | undefined,
  received: Received,
): net.Socket {
  const { address, port, host } = endpoint;
  const options = { host: address, port, noDelay: true, ...(localAddress !== undefined && { localAddress }) };
  if (endpoint.secure) {
    const servername = hostName(host);
    const secured = tls.connect({
      ...options,
      rejectUnauthorized: endpoint.verifyCertificate,
      // RFC 6066, section 3: a server name is never an address.
      ...(net.isIP(servername) === 0 && { servername }),
      ...(readBytes !== undefined && { highWaterMark: readBytes }),
    });
    return secured.setNoDelay(true).on('data', (bytes: Buffer) => {
      received(bytes, bytes.length);
    });
  }
  const buffer = readBytes === undefined ? SHARED_READ_BUFFER : Buffer.alloc(readBytes);
  const callback = (length: number): boolean => {
    received(buffer, length);
    return true;
  };
  return net.connect({ ...options, onread: { buffer, callback } });
}

/** The name in a Host header: without port, without the brackets of an IPv6 address. */
function hostName(host: string): string {
  return new URL(`http://${host}`).hostname.replace(/^\[|\]$/g, '');
}
