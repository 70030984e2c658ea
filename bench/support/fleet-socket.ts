import { connect, type OnReadOpts, type Socket } from 'node:net';
import { frame, OPCODE } from '../../testkit/raw-client.ts';
import type { Wire } from './dialects.ts';

/** Who hears of what happens to the sockets of a fleet. */
export interface FleetListener {
  opened(socket: FleetSocket): void;
  /** @param latencyMs since the message was due, not since it was sent: a late sender hides nothing */
  answered(socket: FleetSocket, latencyMs: number): void;
  /** Something that must not happen. */
  fault(text: string): void;
  closed(socket: FleetSocket): void;
}

/** A bye as it stands on the wire. */
export interface Bye {
  readonly total: number;
  readonly retry_after_ms: number;
}

/** Every socket reads into the one buffer, in turn: what it leaves unfinished is copied. */
const READ_BUFFER = Buffer.alloc(65_536);
const LINE_FEED = 0x0a;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;

/**
 * A WebSocket client on a bare TCP socket, so cheap that 10,000 of them with 1,000 messages a second leave their process
 * mostly idle. It checks that each reply is the next count.
 */
export class FleetSocket {
  /** Messages sent. */
  sent = 0;
  /** Last count told. */
  count = 0;
  /** Whether the handshake was answered, and the server said welcome where its dialect has that. */
  open = false;
  bye: Bye | undefined;
  /** Code of the close frame received; 1006 if the connection ended without one. Set once it is closed. */
  closeCode: number | undefined;
  readonly #listener: FleetListener;
  readonly #wire: Wire;
  readonly #socket: Socket;
  #shaken = false;
  /** When the messages without a reply were due. */
  readonly #due: number[] = [];
  #rest: Buffer | undefined;
  #closeFrameCode = 1006;

  constructor(port: number, wire: Wire, listener: FleetListener) {
    this.#wire = wire;
    this.#listener = listener;
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: this.#onRead() });
    this.#socket
      .on('error', () => undefined)
      .on('connect', () => this.#socket.write(wire.request))
      .on('close', () => {
        this.#ended();
      });
  }

  /** Whether it may still send: open, and not told goodbye. */
  get serving(): boolean {
    return this.open && this.bye === undefined && this.closeCode === undefined && this.#closeFrameCode === 1006;
  }

  /** Sends a message. @param dueAt when it should have been sent, on `performance.now`'s clock */
  send(dueAt: number): void {
    this.sent += 1;
    this.#due.push(dueAt);
    this.#socket.write(this.#wire.message(this.sent));
  }

  /** Ends it without a close frame. */
  cut(): void {
    this.#socket.destroy();
  }

  #onRead(): OnReadOpts {
    return {
      buffer: READ_BUFFER,
      callback: (length, buffer) => {
        const read = Buffer.from(buffer.buffer, buffer.byteOffset, length);
        this.#received(this.#rest === undefined ? read : Buffer.concat([this.#rest, read]));
        return true;
      },
    };
  }

  #received(bytes: Buffer): void {
    let at = this.#shaken ? 0 : this.#readHandshake(bytes);
    while (this.#shaken) {
      const length = wholeFrame(bytes, at);
      if (length === 0) break;
      this.#frame((bytes[at] as number) & 0x0f, bytes, at + (length > 127 ? 4 : 2), at + length);
      at += length;
    }
    this.#rest = at < bytes.length ? Buffer.from(bytes.subarray(at)) : undefined;
  }

  /** @returns where frames begin */
  #readHandshake(bytes: Buffer): number {
    const end = bytes.indexOf('\r\n\r\n');
    if (end === -1) return 0;
    if (!bytes.toString('latin1', 0, 13).startsWith('HTTP/1.1 101 ')) {
      this.#listener.fault(`a handshake was answered ${JSON.stringify(bytes.toString('latin1', 0, 300))}`);
      this.#socket.destroy();
      return 0;
    }
    this.#shaken = true;
    const { greeting, welcome } = this.#wire;
    if (greeting !== undefined) this.#socket.write(greeting);
    if (welcome === undefined) this.#opened();
    return end + 4;
  }

  #opened(): void {
    this.open = true;
    this.#listener.opened(this);
  }

  #frame(opcode: number, bytes: Buffer, start: number, end: number): void {
    if (opcode === OPCODE.text) {
      if (this.#wire.batched) this.#lines(bytes, start, end);
      else this.#text(bytes, start, end);
      return;
    }
    const payload = bytes.subarray(start, end);
    if (opcode === OPCODE.ping) this.#socket.write(frame(OPCODE.pong, payload));
    else if (opcode === OPCODE.close) {
      this.#closeFrameCode = payload.length >= 2 ? payload.readUInt16BE() : 1005;
      this.#socket.end(frame(OPCODE.close, payload.subarray(0, 2)));
    } else this.#listener.fault(`a frame with opcode ${opcode} came`);
  }

  #lines(bytes: Buffer, start: number, end: number): void {
    for (let from = start; from < end;) {
      const found = bytes.indexOf(LINE_FEED, from);
      const to = found === -1 || found > end ? end : found;
      this.#text(bytes, from, to);
      from = to + 1;
    }
  }

  #text(bytes: Buffer, start: number, end: number): void {
    const count = countAt(bytes, start, end, this.#wire.countHead);
    if (count === 0) this.#otherText(bytes.toString('latin1', start, end));
    else this.#answered(count);
  }

  #answered(count: number): void {
    if (count !== this.count + 1) this.#listener.fault(`a reply counted ${count} after a count of ${this.count}`);
    this.count = count;
    const due = this.#due.shift();
    if (due === undefined) this.#listener.fault(`a count of ${count} came without a message`);
    else this.#listener.answered(this, performance.now() - due);
  }

  #otherText(text: string): void {
    const { welcome, others, keepAlive } = this.#wire;
    if (text.startsWith('{"bye"')) {
      if (this.bye !== undefined) this.#listener.fault('a second bye came');
      this.bye = JSON.parse(text) as Bye;
    } else if (!this.open && welcome !== undefined && text.startsWith(welcome)) this.#opened();
    else if (text === keepAlive?.ask) this.#socket.write(keepAlive.answer);
    else if (!others.some((other) => text.startsWith(other))) this.#listener.fault(`an unknown message came: ${text}`);
  }

  #ended(): void {
    this.closeCode = this.#closeFrameCode;
    this.#listener.closed(this);
  }
}

/** Length of the frame at an offset, if it is there whole, else 0. Servers do not mask, and this one sends nothing over 64 KiB. */
function wholeFrame(bytes: Buffer, at: number): number {
  if (bytes.length - at < 2) return 0;
  const short = (bytes[at + 1] as number) & 0x7f;
  if (short < 126) return bytes.length - at >= short + 2 ? short + 2 : 0;
  if (bytes.length - at < 4) return 0;
  const length = bytes.readUInt16BE(at + 2) + 4;
  return bytes.length - at >= length ? length : 0;
}

/** The number that stands after a head; 0 if the head is another. */
function countAt(bytes: Buffer, start: number, end: number, head: Buffer): number {
  if (end - start <= head.length) return 0;
  for (let index = 0; index < head.length; index += 1) if (bytes[start + index] !== head[index]) return 0;
  let count = 0;
  for (let at = start + head.length; at < end; at += 1) {
    const byte = bytes[at] as number;
    if (byte < DIGIT_0 || byte > DIGIT_9) break;
    count = count * 10 + byte - DIGIT_0;
  }
  return count;
}
