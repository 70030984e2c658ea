import type { TraceContext } from './trace-context.ts';

/**
 * Names of the spans. Those of a handshake are children of the client's span, if it sent a valid `traceparent`; the others
 * begin traces of their own. There is none for a message: its line has the ids of its connection's handshake.
 */
export const SPANS = {
  handshake: 'websocket handshake',
  resume: 'session resume',
  drain: 'drain',
  store: 'session store',
} as const;

/** Values of a span, by names of OpenTelemetry's semantic conventions where there is one. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** A span that has begun. */
export interface Span {
  readonly context: TraceContext;
  /** @param error what failed, in a sentence or a word; its status is then an error */
  end: (attributes?: SpanAttributes, error?: string) => void;
}

/** How a span begins. */
export interface SpanOptions {
  readonly parent?: TraceContext | undefined;
  /** It answers a request from outside. */
  readonly server?: boolean;
  /** How many seconds ago it began. */
  readonly secondsAgo?: number;
  readonly attributes?: SpanAttributes;
}

/** Sends spans to an OpenTelemetry Collector. */
export interface Tracing {
  start(name: (typeof SPANS)[keyof typeof SPANS], options?: SpanOptions): Span;
  /** Sends what it has, for at most so many seconds, and stops. It never rejects. */
  shutdown(seconds: number): Promise<void>;
}
