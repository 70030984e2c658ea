import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Opcodes of RFC 6455, section 5.2. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A client on a bare TCP socket, that can send what no library would. */
export class RawClient {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  readonly ended: Promise<void>;

  constructor(port: number, host = '127.0.0.1') {
    this.socket = connect(port, host);
    this.socket.on('error', () => undefined);
    this.socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    this.ended = new Promise((resolve) =>
      this.socket.on('close', () => {
        resolve();
      }),
    );
  }

  /** Connects and does the handshake. */
  static async open(port: number, path = '/ws/chat/', host = '127.0.0.1'): Promise<RawClient> {
    const client = new RawClient(port, host);
    client.socket.write(handshake({ path }));
    await client.until((text) => text.includes('\r\n\r\n'));
    const head = client.take(client.text.indexOf('\r\n\r\n') + 4);
    if (!head.startsWith('HTTP/1.1 101')) throw new Error(head);
    return client;
  }

  /** All bytes received and not taken, as Latin-1 text. */
  get text(): string {
    return this.#received.toString('latin1');
  }

  /** Takes bytes off what was received. */
  take(length: number): string {
    const taken = this.#received.subarray(0, length).toString('latin1');
    this.#received = this.#received.subarray(length);
    return taken;
  }

  /** Waits until what was received is enough. */
  async until(enough: (text: string) => boolean): Promise<void> {
    while (!enough(this.text)) await once(this.socket, 'data');
  }

  /** Sends one frame. */
  send(opcode: number, payload: Buffer | string, options: FrameOptions = {}): void {
    this.socket.write(frame(opcode, payload, options));
  }
}

/** What may be wrong, or just unusual, about a frame. */
export interface FrameOptions {
  /** FIN bit; true by default. */
  readonly fin?: boolean;
  /** A client must mask (RFC 6455, section 5.3); true by default. */
  readonly masked?: boolean;
  /** The four bytes of the mask; random by default. */
  readonly mask?: Buffer;
}

/** Builds a frame of RFC 6455, section 5.2. */
export function frame(
  opcode: number,
  payload: Buffer | string,
  { fin = true, masked = true, mask = randomBytes(4) }: FrameOptions = {},
): Buffer {
  const data = Buffer.from(payload);
  const flag = masked ? 0x80 : 0;
  const first = (fin ? 0x80 : 0) | opcode;
  let head: Buffer;
  if (data.length < 126) head = Buffer.from([first, flag | data.length]);
  else if (data.length < 65_536) head = Buffer.from([first, flag | 126, data.length >> 8, data.length & 0xff]);
  else {
    head = Buffer.from([first, flag | 127, 0, 0, 0, 0, 0, 0, 0, 0]);
    head.writeBigUInt64BE(BigInt(data.length), 2);
  }
  if (!masked) return Buffer.concat([head, data]);
  return Buffer.concat([head, mask, data.map((byte, index) => byte ^ (mask[index % 4] as number))]);
}

/** Text of a handshake; a header set to `undefined` is left out. */
export function handshake({ path = '/ws/chat/', method = 'GET', headers = {} }: HandshakeOptions = {}): string {
  const all: Record<string, string | undefined> = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  return `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

/** What may be unusual about a handshake. */
export interface HandshakeOptions {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** An HTTP answer to a handshake. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Sends text to a port and reads the HTTP answer until the service ends the connection. */
export async function ask(port: number, text: string): Promise<Answer> {
  const client = new RawClient(port);
  client.socket.write(text);
  await client.ended;
  return parseAnswer(client.text);
}

/** Parses an HTTP answer with a JSON body. */
export function parseAnswer(text: string): Answer {
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return { status: Number(first.split(' ')[1]), headers, body: JSON.parse(body) as Record<string, unknown> };
}
