import assert from 'node:assert/strict';
import type { Writable } from 'node:stream';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import * as ws from 'ws';
import { scan, scanAhead, type MessageTaker } from '../src/connections/fast-path/short-text-scanner.ts';
import fc from '../../testkit/fast-check.ts';
import { frame, OPCODE } from '../../testkit/raw-client.ts';

/** `ws` exports the reader of its sockets; its types do not know. */
const { Receiver } = ws as unknown as {
  Receiver: new (options: { isServer: boolean; maxPayload: number }) => Writable;
};
const MAX_BYTES = 300;

describe('A frame scanner', () => {
  it('takes each message that is one short frame of ASCII text, and leaves nothing of it', () => {
    const { taker, lengths } = scannerWith();
    const chunk = Buffer.concat(['', 'a', 'message message ', 'x'.repeat(125)].map((text) => frame(OPCODE.text, text)));
    assert.equal(scan(chunk, true, taker), chunk.length);
    assert.deepEqual(lengths, [0, 1, 16, 125]);
  });

  it('leaves to ws what is longer, not ASCII, not text, in fragments, not masked, reserved or beyond the limit', () => {
    const strange: Readonly<Record<string, Buffer>> = {
      longer: frame(OPCODE.text, 'x'.repeat(126)),
      'not ASCII': frame(OPCODE.text, 'é'),
      binary: frame(OPCODE.binary, 'x'),
      ping: frame(OPCODE.ping, 'x'),
      close: frame(OPCODE.close, Buffer.from([3, 232])),
      'first fragment': frame(OPCODE.text, 'x', { fin: false }),
      continuation: frame(OPCODE.continuation, 'x'),
      unmasked: frame(OPCODE.text, 'x', { masked: false }),
      reserved: Buffer.from([0xc1, 0x80, 0, 0, 0, 0]),
    };
    for (const [name, bytes] of Object.entries(strange)) {
      const { taker, lengths } = scannerWith();
      assert.equal(scan(bytes, true, taker), 0, name);
      assert.deepEqual(lengths, [], name);
    }
    const { taker } = scannerWith(10);
    assert.equal(scan(frame(OPCODE.text, 'x'.repeat(11)), true, taker), 0);
  });

  it('finds its way back after what ws got, wherever that was cut', () => {
    for (const length of [0, 20, 126, 65_536]) {
      const strange = frame(OPCODE.binary, 'x'.repeat(length));
      // Its head has to be in one piece.
      for (const cut of new Set([14, 15, strange.length - 1].filter((at) => at < strange.length))) {
        const { taker, lengths } = scannerWith();
        assert.equal(scan(strange.subarray(0, cut), true, taker), 0);
        assert.equal(scan(strange.subarray(cut), true, taker), 0);
        const message = frame(OPCODE.text, 'found');
        assert.equal(scan(message, true, taker), message.length, `${length} bytes cut at ${cut}`);
        assert.deepEqual(lengths, [5]);
      }
    }
  });

  it('takes nothing any more once a head was cut, for it does not know where frames begin', () => {
    const { taker, lengths } = scannerWith();
    const message = frame(OPCODE.text, 'cut');
    assert.equal(scan(message.subarray(0, 1), true, taker), 0);
    assert.equal(scan(message.subarray(1), true, taker), 0);
    assert.equal(scan(message, true, taker), 0);
    assert.deepEqual(lengths, []);
  });

  it('takes nothing after its taker is closed in the middle of a chunk', () => {
    const lengths: number[] = [];
    const taker: Mutable<MessageTaker> = {
      open: true,
      maxMessageBytes: MAX_BYTES,
      follower: undefined,
      receivedText: (length: number): void => {
        taker.open = lengths.push(length) < 2;
      },
    };
    const message = frame(OPCODE.text, 'x');
    assert.equal(scan(Buffer.concat([message, message, message]), true, taker), 2 * message.length);
    assert.deepEqual(lengths, [1, 1]);
  });

  it('and ws behind it find together what ws alone finds, in whatever chunks it comes', () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.array(frames(), { maxLength: 20 }), fc.array(fc.nat({ max: 400 })), (parts, cuts) => {
        const bytes = Buffer.concat(parts);
        const { taker, lengths, receive } = scannerWith();
        // Copies: `ws` unmasks in place.
        for (const chunk of cutAt(Buffer.from(bytes), cuts)) {
          const before = lengths.length;
          const at = scan(chunk, true, taker);
          taken += lengths.length - before;
          if (at < chunk.length) receive(chunk.subarray(at));
        }
        const alone = scannerWith();
        for (const chunk of cutAt(bytes, cuts)) alone.receive(chunk);
        assert.deepEqual(lengths, alone.lengths);
      }),
    );
    assert.ok(taken > 500, `only ${taken} messages were taken: nothing was compared`);
  });
});

describe('A stream that is scanned ahead', () => {
  it('gives what is paused to its listener, in order, and takes messages again once it flows', () => {
    const stream = new Duplex({
      read: () => undefined,
      write: (_chunk, _encoding, done) => {
        done();
      },
    });
    const story: string[] = [];
    stream.on('data', (chunk: Buffer) => story.push(`listener ${chunk.length}`));
    scanAhead(stream, {
      open: true,
      maxMessageBytes: MAX_BYTES,
      follower: undefined,
      receivedText: (length) => story.push(`taken ${length}`),
    });
    stream.resume();
    stream.read(0);
    const message = (text: string): boolean => stream.push(frame(OPCODE.text, text));
    return new Promise<void>((resolve) => {
      setImmediate(() => {
        message('1');
        stream.pause();
        message('22');
        stream.resume();
        message('333');
        setImmediate(() => {
          message('4444');
          assert.deepEqual(story, ['taken 1', 'listener 8', 'listener 9', 'taken 4']);
          resolve();
        });
      });
    });
  });

  it('is left alone if something waits to be read already', () => {
    const stream = new Duplex({ read: () => undefined });
    stream.push(Buffer.from([0x81]));
    scanAhead(stream, scannerWith().taker);
    assert.ok(!Object.hasOwn(stream, 'push'));
  });
});

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A taker, and a receiver of `ws`; both note what they got. */
function scannerWith(maxBytes = MAX_BYTES): {
  taker: MessageTaker;
  lengths: (number | string)[];
  receive: (chunk: Buffer) => void;
} {
  const lengths: (number | string)[] = [];
  let failed = false;
  const taker: MessageTaker = {
    maxMessageBytes: maxBytes,
    follower: undefined,
    get open(): boolean {
      return !failed;
    },
    receivedText: (length: number): void => {
      lengths.push(length);
    },
  };
  const receiver = new Receiver({ isServer: true, maxPayload: maxBytes });
  receiver
    .on('message', (data: Buffer, binary: boolean) => lengths.push(binary ? `binary ${data.length}` : data.length))
    .on('ping', (data: Buffer) => lengths.push(`ping ${data.length}`))
    .on('error', () => undefined);
  const receive = (chunk: Buffer): void => {
    if (failed) return;
    receiver.write(chunk);
    // `ws` tells of an error a turn later; that it has one shows at once.
    failed = (receiver as unknown as { _errored?: boolean })._errored === true || receiver.errored !== null;
  };
  return { taker, lengths, receive };
}

/** Frames of clients: mostly good messages, and what else there is. */
function frames(): fc.Arbitrary<Buffer> {
  const text = fc.string({ unit: 'grapheme-ascii', maxLength: 125 });
  const short = text.map((payload) => frame(OPCODE.text, payload));
  return fc.oneof(
    { weight: 8, arbitrary: short },
    fc.string({ unit: 'grapheme', maxLength: 30 }).map((payload) => frame(OPCODE.text, payload)),
    fc.integer({ min: 126, max: 310 }).map((length) => frame(OPCODE.text, 'x'.repeat(length))),
    text.map((payload) => frame(OPCODE.binary, payload)),
    text.map((payload) => frame(OPCODE.ping, payload)),
    fc
      .tuple(text, text)
      .map(([first, last]) =>
        Buffer.concat([
          frame(OPCODE.text, first, { fin: false }),
          frame(OPCODE.ping, 'between'),
          frame(OPCODE.continuation, last),
        ]),
      ),
    fc.constantFrom(
      frame(OPCODE.continuation, 'alone'),
      frame(OPCODE.text, 'open', { fin: false }),
      frame(OPCODE.text, 'unmasked', { masked: false }),
      frame(OPCODE.text, Buffer.from([0xff])),
      Buffer.from([0xc1, 0x80, 0, 0, 0, 0]),
    ),
  );
}

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const length of cuts) {
    if (length > 0 && at < bytes.length) chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  if (at < bytes.length) chunks.push(bytes.subarray(at));
  return chunks;
}
