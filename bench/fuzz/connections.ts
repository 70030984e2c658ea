import fc from 'fast-check';
import { damage, damaged, oneMessage, streams, type FrameLimits, type Stream } from './frames.ts';
import {
  bytesOf,
  goodHandshakes,
  handshakes,
  negotiatingDeflate,
  plainRequests,
  type HandshakeLimits,
} from './requests.ts';

/** All that one connection of a client does. */
export interface Connection {
  readonly method: string;
  readonly request: Buffer;
  /** Statuses that may answer it, limits aside; undefined if any may. */
  readonly statuses: readonly number[] | undefined;
  /** What follows once the request is answered with 101. */
  readonly stream: Stream;
  /** The stream goes out with the request, before its answer. */
  readonly early: boolean;
  /** Sizes of the chunks in which the bytes are written; the rest is one. */
  readonly chunks: readonly number[];
  /** Last byte of the address that it comes from, so that it has its share of the limits for each address. */
  readonly address: number;
  readonly ending: Ending;
}

/**
 * How a client ends its connection: it shuts its side down after its last byte, waits for a close frame and answers it, resets the
 * connection, waits to be ended, or sends pings without end and reads nothing.
 */
export type Ending = 'shutdown' | 'answer' | 'reset' | 'wait' | 'flood';

/** Good handshakes, then frames. */
export function frameConnections(limits: FrameLimits, endings: readonly Ending[]): fc.Arbitrary<Connection> {
  return fc
    .tuple(goodHandshakes, streams(limits), sent(), fc.constantFrom(...endings))
    .map(([good, stream, how, ending]) => {
      const request = bytesOf(limits.deflate ? negotiatingDeflate(good) : good);
      // A client waits for a close frame only where one is known to come.
      const patient = ending === 'answer' && stream.expected?.close === undefined ? 'shutdown' : ending;
      return printable({ ...how, method: 'GET', request, statuses: [101], stream, ending: patient });
    });
}

/** Handshakes with something about them, and one message if they succeed. */
export function handshakeConnections(limits: HandshakeLimits): fc.Arbitrary<Connection> {
  return fc
    .tuple(handshakes(limits), fc.option(damage, { freq: 5 }), sent())
    .map(([{ request, statuses }, cut, how]) => {
      const bytes = bytesOf(request);
      const odd = cut !== null || statuses === undefined;
      return printable({
        ...how,
        method: request.method,
        request: cut === null ? bytes : damaged(bytes, cut),
        statuses: odd ? undefined : statuses,
        stream: odd ? { ...oneMessage(), expected: undefined } : oneMessage(),
        early: odd,
        ending: 'shutdown',
      });
    });
}

/** Plain requests, each answered and its connection closed. */
export const plainConnections: fc.Arbitrary<Connection> = fc.tuple(plainRequests, sent()).map(([request, how]) =>
  printable({
    ...how,
    method: request.method,
    request: bytesOf(request),
    statuses: undefined,
    stream: NO_STREAM,
    early: false,
    ending: 'wait',
  }),
);

/** Clients that use up what the service has time and memory for: half a handshake, an idle connection, answers that are never read. */
export const slowConnections: fc.Arbitrary<Connection> = fc
  .tuple(goodHandshakes, fc.constantFrom('half', 'idle', 'flood'), fc.nat(100), sent())
  .map(([good, kind, length, how]) => {
    const whole = bytesOf(good);
    return printable({
      ...how,
      method: 'GET',
      request: kind === 'half' ? whole.subarray(0, length + 1) : whole,
      statuses: [kind === 'half' ? 408 : 101],
      stream: NO_STREAM,
      early: false,
      ending: kind === 'flood' ? 'flood' : 'wait',
    });
  });

const NO_STREAM: Stream = { bytes: Buffer.alloc(0), frames: 0, expected: undefined };

/** How bytes are sent, whatever they are. */
function sent(): fc.Arbitrary<Pick<Connection, 'early' | 'chunks' | 'address'>> {
  return fc.record({
    early: fc.boolean(),
    chunks: fc.oneof(
      { weight: 2, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 20 }) },
      { weight: 1, arbitrary: fc.array(fc.integer({ min: 1, max: 2000 }), { maxLength: 4 }) },
    ),
    address: fc.integer({ min: 2, max: 60 }),
  });
}

/** Prints itself as the bytes that it sends, for a report. */
function printable(connection: Connection): Connection {
  const { request, stream, early, chunks, ending } = connection;
  const text = `{ request: ${JSON.stringify(request.toString('latin1'))}, frames: '${stream.bytes.toString('hex')}', expected: ${JSON.stringify(stream.expected)}, early: ${early}, chunks: [${chunks.join()}], ending: ${ending} }`;
  return Object.assign({ [fc.toStringMethod]: () => text }, connection);
}
