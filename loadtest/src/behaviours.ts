import { OPCODES } from './frames.ts';

/** What a client does when a message is due. */
export type Deed = 'message' | 'flood' | 'reset' | 'nothing' | Spoilt;

/** A frame that the service must refuse. */
export interface Spoilt {
  readonly opcode: number;
  /** Bits set in the frame's first byte against RFC 6455. */
  readonly reservedBits?: number;
  readonly payload: () => Buffer;
}

/** How a client behaves. */
export interface Behaviour {
  readonly doc: string;
  /** What it does when a message is due. */
  readonly deed: Deed;
  /** How its connections may end, the service being right: close codes, and statuses of refused handshakes. Any other end is an error. */
  readonly ends: readonly string[];
  /** Its latencies count: no more than those of clients that read at once. */
  readonly measured: boolean;
  /** Reads this many bytes a second, and answers pings as late as that. */
  readonly readsBytesPerSecond?: number;
  /** Leaves pings unanswered. */
  readonly mute?: boolean;
  /** What it makes of the handshake's text. */
  readonly spoilHandshake?: (request: string) => string;
}

/** Messages of one flood. */
export const FLOOD = 1000;

/** A message over the service's default limit of 64 KiB. Bytes. */
const TOO_BIG_BYTES = 262_144;

/** How clients can behave, by the name that a scenario calls them. */
export const BEHAVIOURS = {
  good: {
    doc: 'sends on schedule, reads at once, answers pings, resumes its session',
    deed: 'message',
    ends: [],
    measured: true,
  },
  'slow-reader': {
    doc: 'sends on schedule, reads 256 bytes a second: ended with 1006 at the bound on buffered bytes, or since pings stay unanswered',
    deed: 'message',
    ends: ['1006'],
    measured: false,
    readsBytesPerSecond: 256,
  },
  flood: {
    doc: `sends ${FLOOD} messages at once: ended with 1008 where a rate is in force`,
    deed: 'flood',
    ends: ['1008'],
    measured: false,
  },
  binary: {
    doc: 'sends binary messages: ended with 1003',
    deed: { opcode: OPCODES.binary, payload: () => Buffer.from([0, 1, 2, 3]) },
    ends: ['1003'],
    measured: false,
  },
  'too-big': {
    doc: `sends messages of ${TOO_BIG_BYTES} bytes: ended with 1009`,
    deed: { opcode: OPCODES.text, payload: () => Buffer.alloc(TOO_BIG_BYTES, 'x') },
    ends: ['1009'],
    measured: false,
  },
  'invalid-utf8': {
    doc: 'sends text that is not UTF-8: ended with 1007',
    deed: { opcode: OPCODES.text, payload: () => Buffer.from([0xc3, 0x28]) },
    ends: ['1007'],
    measured: false,
  },
  'bad-frame': {
    doc: 'sends frames with reserved bits set: ended with 1002',
    deed: { opcode: OPCODES.text, reservedBits: 0x40, payload: () => Buffer.from('x') },
    ends: ['1002'],
    measured: false,
  },
  vanish: {
    doc: 'resets its TCP connection without a close frame: 1006; comes back for its session',
    deed: 'reset',
    ends: ['1006'],
    measured: false,
  },
  mute: {
    doc: 'sends nothing and answers no ping: ended with 1006 after one to two heartbeat intervals',
    deed: 'nothing',
    ends: ['1006'],
    measured: false,
    mute: true,
  },
  'half-handshake': {
    doc: 'sends half a handshake and waits: refused with 408',
    deed: 'nothing',
    ends: ['HTTP 408'],
    measured: false,
    spoilHandshake: (request) => request.slice(0, request.length / 2),
  },
  'bad-handshake': {
    doc: 'asks for a session that is no UUID: refused with 400',
    deed: 'nothing',
    ends: ['HTTP 400'],
    measured: false,
    spoilHandshake: (request) => request.replace(/session_id=[^ &]*/, 'session_id=none'),
  },
} as const satisfies Record<string, Behaviour>;

/** A key of {@link BEHAVIOURS}. */
export type BehaviourName = keyof typeof BEHAVIOURS;
