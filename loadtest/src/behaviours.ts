/** What a client does when a message is due. */
export type Deed = 'message' | 'flood' | 'reset' | 'nothing' | Spoilt;

/** What the service must refuse: a message, or bytes that are no frame that `ws` would send. */
export type Spoilt = { readonly message: () => Buffer; readonly binary: boolean } | { readonly bytes: Buffer };

/** How a client behaves. */
export interface Behaviour {
  readonly doc: string;
  /** What it does when a message is due. */
  readonly deed: Deed;
  /**
   * How its connections may end, the service being right: close codes, and statuses of refused handshakes. Any other
   * end is an error.
   */
  readonly ends: readonly string[];
  /** Its latencies count: only those of clients that read at once do. */
  readonly measured: boolean;
  /** Reads this many bytes a second, and answers pings as late as that. */
  readonly readsBytesPerSecond?: number;
  /** Leaves pings unanswered. */
  readonly mute?: boolean;
  /** Sends half a handshake, and nothing more. */
  readonly halfHandshake?: boolean;
  /** Asks for this session. */
  readonly sessionId?: string;
}

/** Messages of one flood. */
export const FLOOD = 1000;

/** A message over the service's default limit of 64 KiB. Bytes. */
const TOO_BIG_BYTES = 262_144;
/** A text frame `x` with RSV1 set, masked with zeros (RFC 6455, section 5.2). */
const RESERVED_BITS_FRAME = Buffer.from([0xc1, 0x81, 0, 0, 0, 0, 0x78]);

/** How clients can behave, by the name that a scenario calls them. */
export const BEHAVIOURS = {
  good: {
    doc: 'sends on schedule, reads at once, answers pings, resumes its session',
    deed: 'message',
    ends: [],
    measured: true,
  },
  'slow-reader': {
    doc: 'sends on schedule, reads 256 bytes a second: ended with 1006 at the limit of buffered bytes, or because pings stay unanswered',
    deed: 'message',
    ends: ['1006'],
    measured: false,
    readsBytesPerSecond: 256,
  },
  flood: {
    doc: `sends ${FLOOD} messages at once: ended with 1008 where a rate limit is set`,
    deed: 'flood',
    ends: ['1008'],
    measured: false,
  },
  binary: {
    doc: 'sends binary messages: ended with 1003',
    deed: { message: () => Buffer.from([0, 1, 2, 3]), binary: true },
    ends: ['1003'],
    measured: false,
  },
  'too-big': {
    doc: `sends messages of ${TOO_BIG_BYTES} bytes: ended with 1009`,
    deed: { message: () => Buffer.alloc(TOO_BIG_BYTES, 'x'), binary: false },
    ends: ['1009'],
    measured: false,
  },
  'invalid-utf8': {
    doc: 'sends text that is not UTF-8: ended with 1007',
    deed: { message: () => Buffer.from([0xc3, 0x28]), binary: false },
    ends: ['1007'],
    measured: false,
  },
  'bad-frame': {
    doc: 'sends frames with reserved bits set: ended with 1002',
    deed: { bytes: RESERVED_BITS_FRAME },
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
    halfHandshake: true,
  },
  'bad-handshake': {
    doc: 'asks for a session that is no UUID: refused with 400',
    deed: 'nothing',
    ends: ['HTTP 400'],
    measured: false,
    sessionId: 'none',
  },
} as const satisfies Record<string, Behaviour>;

/** A key of {@link BEHAVIOURS}. */
export type BehaviourName = keyof typeof BEHAVIOURS;
