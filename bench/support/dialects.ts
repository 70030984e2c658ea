import { frame, handshake, OPCODE } from '../../testkit/raw-client.ts';

/** How a kind of server is spoken to: the same work, a message in and a count out, in its own words. */
export interface Dialect {
  /** Path of the WebSocket endpoint. */
  readonly path: string;
  /** What the client says first, if its server expects that. */
  readonly greeting?: string;
  /** Begins the message after which the connection is open; without it the handshake is enough. */
  readonly welcome?: string;
  /** The n-th message of a connection, counted from 1; the same text for all of them where it can be. */
  readonly message: string | ((n: number) => string);
  /** What stands before the count in a reply. */
  readonly countHead: string;
  /** Begins other messages that are as they should be. */
  readonly others: readonly string[];
  /** A keep-alive in text messages, and its answer. */
  readonly keepAlive?: { readonly ask: string; readonly answer: string };
  /** Several messages of the server may share a frame, a line each. */
  readonly batched?: true;
}

const TEXT = 'a message of a client of the fleet';

/** Every dialect, by its name. */
export const DIALECTS = {
  /** The service, the bare `ws` server, and what speaks as they do. */
  plain: { path: '/ws/chat/', message: TEXT, countHead: '{"count": ', others: ['{"ts"'] },
  /** Socket.IO 4 over Engine.IO 4: 0 opens, 2 and 3 keep alive, 40 connects, 42 is an event. */
  'socket.io': {
    path: '/socket.io/?EIO=4&transport=websocket',
    greeting: '40',
    welcome: '40{',
    message: `42["message","${TEXT}"]`,
    countHead: '42["count",{"count":',
    others: ['0{'],
    keepAlive: { ask: '2', answer: '3' },
  },
  /**
   * Centrifugo's JSON protocol. It counts nothing for its clients: a message is published to a channel, and the count is the number
   * of the command, which the reply repeats, after a 1 that tells it from the connect's.
   */
  centrifugo: {
    path: '/connection/websocket',
    greeting: '{"id":2,"connect":{}}',
    welcome: '{"id":2,"connect":',
    message: (n) => `{"id":${1_000_000_000 + n},"publish":{"channel":"chat","data":"${TEXT}"}}`,
    countHead: '{"id":1',
    others: [],
    keepAlive: { ask: '{}', answer: '{}' },
    batched: true,
  },
} as const satisfies Record<string, Dialect>;

/** A key of {@link DIALECTS}. */
export type DialectName = keyof typeof DIALECTS;

/** A dialect as it stands on the wire. */
export interface Wire {
  readonly request: string;
  readonly greeting: Buffer | undefined;
  readonly welcome: string | undefined;
  /** The n-th message of a connection. */
  readonly message: (n: number) => Buffer;
  readonly countHead: Buffer;
  readonly others: readonly string[];
  readonly keepAlive: { readonly ask: string; readonly answer: Buffer } | undefined;
  readonly batched: boolean;
}

/** Makes what all connections of a fleet send once, so that sending costs no more than a write. */
export function wireOf(name: DialectName): Wire {
  const dialect: Dialect = DIALECTS[name];
  const { path, greeting, welcome, message, countHead, others, keepAlive, batched = false } = dialect;
  const constant = typeof message === 'string' ? frame(OPCODE.text, message) : Buffer.alloc(0);
  return {
    request: handshake({ path }),
    greeting: greeting === undefined ? undefined : frame(OPCODE.text, greeting),
    welcome,
    message: typeof message === 'string' ? () => constant : (n) => frame(OPCODE.text, message(n)),
    countHead: Buffer.from(countHead),
    others,
    keepAlive: keepAlive && { ask: keepAlive.ask, answer: frame(OPCODE.text, keepAlive.answer) },
    batched,
  };
}
