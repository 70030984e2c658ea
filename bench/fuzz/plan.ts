import { loadConfig } from '../../service/src/config/load-config.ts';
import type { Config } from '../../service/src/config/options.ts';
import { frameStream, goodMessages, message, pingFlood, type FrameTarget } from './frame-inputs.ts';
import { predict, type Prediction } from './frame-model.ts';
import { goodHandshake, handshakeInput, plainRequest } from './handshake-inputs.ts';
import { chunks, mutate } from './mutate.ts';
import type { Part } from './parts.ts';
import { Random } from './random.ts';

/** All that one connection of a run does, decided before it begins. */
export interface Plan {
  /** What it is, for a report. */
  readonly kind: 'stream' | 'handshake' | 'requests' | 'stalled handshake' | 'ping flood';
  /** Requests in the order in which they are sent, all at once. */
  readonly requests: readonly PlannedRequest[];
  /** What follows once the last request is answered with 101. */
  readonly stream: PlannedStream | undefined;
  /** Own source of choices that depend on the service's answers. */
  readonly random: Random;
  /** Last byte of the address that it connects from, so that it has its share of limits for each address. */
  readonly addressByte: number;
}

/** A request and what may answer it. */
export interface PlannedRequest {
  readonly chunks: readonly Buffer[];
  readonly method: string;
  readonly statuses: ReadonlySet<number> | undefined;
}

/** Frames, and how the connection ends after them. */
export interface PlannedStream {
  /** Session asked for; none if the handshake was an input itself. */
  readonly sessionId: string | undefined;
  /** Other connections use the session, too. */
  readonly shared: boolean;
  readonly chunks: readonly Buffer[];
  /** What comes of all bytes after the head of the request: what follows it in the request is frames for the service, too. */
  readonly prediction: Prediction;
  /** The same, if the frames are never sent since the client gave up waiting. */
  readonly predictionUnsent: Prediction;
  /** The frames are sent with the request, before its answer. */
  readonly early: boolean;
  /** How the client ends a connection that its bytes do not end: with a FIN, a RST after all replies, or a RST at once. */
  readonly ending: 'fin' | 'reset' | 'reckless';
  /** How it takes a close frame of the service's own. */
  readonly onClose: 'answer' | 'fin' | 'reset' | 'stall';
  /** It does not read, and sends its frames again and again until it is ended. */
  readonly deaf: boolean;
}

/** Makes the plans of a part's connections. */
export class Planner {
  readonly #part: Part;
  readonly #seed: number;
  readonly #target: FrameTarget;
  readonly config: Config;
  /** Ids of the sessions that connections share. */
  readonly sharedSessions: readonly string[];

  constructor(part: Part, seed: number) {
    this.#part = part;
    this.#seed = seed;
    this.config = loadConfig(part.env).config;
    this.#target = { maxMessageBytes: this.config.maxMessageBytes, deflate: false };
    const random = new Random(seed, -2);
    this.sharedSessions = Array.from({ length: part.sharedSessions }, () => random.uuid());
  }

  /** The plan of a connection: the same for the same seed and number. */
  plan(index: number): Plan {
    const random = new Random(this.#seed, index);
    const addressByte = random.between(2, 60);
    const made = random.weighted<(random: Random) => Omit<Plan, 'random' | 'addressByte'>>([
      [280, (each) => this.#streamPlan(each)],
      [600, (each) => this.#handshakePlan(each)],
      [118, (each) => this.#requestsPlan(each)],
      // What waits for a time-out costs a run time, not inputs.
      ...(this.#part.strict ? [] : [[2, (each: Random) => this.#slowPlan(each)] as const]),
    ])(random);
    return { ...made, random, addressByte };
  }

  #streamPlan(random: Random): Omit<Plan, 'random' | 'addressByte'> {
    const deflate = this.config.perMessageDeflate && random.chance(0.8);
    const target = { ...this.#target, deflate };
    // What a session counted can be asked for only where no other connection adds to it.
    const shared = !deflate && this.sharedSessions.length > 0 && random.chance(0.1);
    const sessionId = shared ? random.pick(this.sharedSessions) : random.uuid();
    const bytes = frameStream(random, target);
    const prediction = predict(bytes, target);
    const { strict } = this.#part;
    return {
      kind: 'stream',
      requests: [
        {
          chunks: chunks(random, goodHandshake(random, { sessionId, deflate })),
          method: 'GET',
          statuses: new Set([101]),
        },
      ],
      stream: {
        sessionId,
        shared,
        chunks: chunks(random, bytes),
        prediction,
        predictionUnsent: predict(Buffer.alloc(0), target),
        early: strict && random.chance(0.3),
        ending: random.weighted([
          [6, 'fin'],
          [3, 'reset'],
          // Then the session alone knows how many were counted, and others must not add to it.
          ...(strict || shared ? [] : [[1, 'reckless'] as const]),
        ]),
        onClose: this.#onClose(random, prediction),
        deaf: false,
      },
    };
  }

  #onClose(random: Random, { rejections, errors }: Prediction): PlannedStream['onClose'] {
    // A reset would take back what the service has not read, and what it must still count.
    const readsOn = rejections.includes('closing') || errors.length > 1;
    return random.weighted([
      [120, 'answer'],
      [30, 'fin'],
      [30, readsOn ? 'fin' : 'reset'],
      [1, this.#part.strict ? 'answer' : 'stall'],
    ]);
  }

  #handshakePlan(random: Random): Omit<Plan, 'random' | 'addressByte'> {
    const input = handshakeInput(random, { origins: this.#part.origins, deflate: this.config.perMessageDeflate });
    const frames = Buffer.concat([goodMessages(random, 1)]);
    return {
      kind: 'handshake',
      requests: [{ ...input, chunks: chunks(random, input.bytes) }],
      stream: this.#plainStream(frames, afterHead(input.bytes)),
    };
  }

  #requestsPlan(random: Random): Omit<Plan, 'random' | 'addressByte'> {
    const whole = Array.from({ length: random.between(0, 11) }, () => plainRequest(random));
    const last = plainRequest(random);
    // After a broken request nothing can be told apart any more: so it comes last.
    const inputs = [...whole, random.chance(0.3) ? { ...last, bytes: mutate(random, last.bytes) } : last];
    return {
      kind: 'requests',
      requests: inputs.map((input) => ({ ...input, chunks: [input.bytes] })),
      stream: this.#plainStream(message(random, 'x'), Buffer.alloc(0)),
    };
  }

  #slowPlan(random: Random): Omit<Plan, 'random' | 'addressByte'> {
    const request = goodHandshake(random);
    if (random.chance(0.8))
      return {
        kind: 'stalled handshake',
        requests: [
          {
            chunks: [request.subarray(0, random.between(1, request.length - 1))],
            method: 'GET',
            statuses: new Set([408]),
          },
        ],
        stream: undefined,
      };
    const stream = this.#plainStream(pingFlood(random, 4000), Buffer.alloc(0));
    return {
      kind: 'ping flood',
      requests: [{ chunks: [request], method: 'GET', statuses: new Set([101]) }],
      stream: { ...stream, deaf: true },
    };
  }

  #plainStream(frames: Buffer, before: Buffer): PlannedStream {
    return {
      sessionId: undefined,
      shared: false,
      chunks: [frames],
      prediction: predict(Buffer.concat([before, frames]), this.#target),
      predictionUnsent: predict(before, this.#target),
      early: false,
      ending: 'fin',
      onClose: 'answer',
      deaf: false,
    };
  }
}

function afterHead(request: Buffer): Buffer {
  const end = request.indexOf('\r\n\r\n');
  return end === -1 ? Buffer.alloc(0) : request.subarray(end + 4);
}
