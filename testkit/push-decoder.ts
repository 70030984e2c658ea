import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';

/** One entry of a push, as a server reads it. */
export interface PushedLine {
  readonly labels: string;
  readonly nanoseconds: bigint;
  readonly line: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Reads a body of Loki's push API (Protocol Buffers in Snappy's block format), written for tests apart from what writes it. */
export function decodePush(body: Buffer, encoding?: string): PushedLine[] {
  const request = new Fields(unsnap(encoding === 'gzip' ? gunzipSync(body) : body));
  return request.messages(1).flatMap((stream) => {
    const labels = stream.text(1);
    return stream.messages(2).map((entry) => {
      const [timestamp] = entry.messages(1);
      assert.ok(timestamp !== undefined);
      return {
        labels,
        nanoseconds: timestamp.integer(1) * 1_000_000_000n + timestamp.integer(2),
        line: entry.text(2),
        metadata: Object.fromEntries(entry.messages(3).map((pair) => [pair.text(1), pair.text(2)])),
      };
    });
  });
}

/** Reads Snappy's block format (Snappy's format_description.txt). */
export function unsnap(body: Buffer): Buffer {
  const reader = new Reader(body);
  const length = Number(reader.varint());
  const out = Buffer.alloc(length);
  let at = 0;
  while (!reader.ended) {
    const tag = reader.byte();
    const kind = tag & 3;
    if (kind === 0) {
      let size = tag >> 2;
      if (size >= 60) size = reader.take(size - 59).readUIntLE(0, size - 59);
      at += reader.take(size + 1).copy(out, at);
      continue;
    }
    const size = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const distance =
      kind === 1
        ? ((tag >> 5) << 8) | reader.byte()
        : reader.take(kind === 2 ? 2 : 4).readUIntLE(0, kind === 2 ? 2 : 4);
    assert.ok(distance > 0 && distance <= at, `a copy from ${distance} bytes before ${at}`);
    for (let copied = 0; copied < size; copied += 1, at += 1) out[at] = out[at - distance] ?? 0;
  }
  assert.equal(at, length, 'Snappy promises another length');
  return out;
}

/** The fields of a message, by number. */
class Fields {
  readonly #values = new Map<number, (Buffer | bigint)[]>();

  constructor(bytes: Buffer) {
    const reader = new Reader(bytes);
    while (!reader.ended) {
      const tag = Number(reader.varint());
      const values = this.#values.get(tag >> 3) ?? [];
      this.#values.set(tag >> 3, values);
      assert.ok((tag & 7) === 0 || (tag & 7) === 2, `wire type ${tag & 7}`);
      values.push((tag & 7) === 0 ? reader.varint() : reader.take(Number(reader.varint())));
    }
  }

  messages(field: number): Fields[] {
    return (this.#values.get(field) ?? []).map((value) => new Fields(value as Buffer));
  }

  text(field: number): string {
    return ((this.#values.get(field)?.[0] ?? Buffer.alloc(0)) as Buffer).toString();
  }

  integer(field: number): bigint {
    return (this.#values.get(field)?.[0] ?? 0n) as bigint;
  }
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    return this.take(1).readUInt8();
  }

  take(length: number): Buffer {
    assert.ok(this.#at + length <= this.#bytes.length, 'the bytes end too early');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
}
