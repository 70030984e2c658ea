/** The span that something belongs to. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Whether whoever started the trace records it. */
  readonly sampled: boolean;
}

/**
 * The context that a `traceparent` header names (W3C Trace Context, section 3.2). `parseTraceParent` of
 * @opentelemetry/core reads the same, but loading that takes 40 ms of CPU time, also where no spans are sent.
 * @returns `undefined` without a header, and for one that is not valid: the standard says to go on as if it were not there
 */
export function traceContextOf(traceparent: string | string[] | undefined): TraceContext | undefined {
  if (typeof traceparent !== 'string') return undefined;
  const [, version = '', traceId = '', spanId = '', flags = '', rest] = TRACEPARENT.exec(traceparent) ?? [];
  // Version 00 ends with the flags; a later one may add fields (section 3.2.4).
  if (traceId === '' || version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (ZEROS.test(traceId) || ZEROS.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

/** The fields of log lines that belong to a span; none for `undefined`. */
export function traceFields(trace: TraceContext | undefined): Readonly<Record<string, string>> {
  return trace === undefined ? {} : { trace_id: trace.traceId, span_id: trace.spanId };
}

const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;
const ZEROS = /^0+$/;
const SAMPLED = 1;
