import type { IncomingMessage } from 'node:http';
import { randomUuid } from '../runtime/random-uuid.ts';

/** The id of a request: only letters, digits, `_`, `.` and `-`, so that it needs no escaping in JSON. */
export type RequestId = string & { readonly __brand: 'RequestId' };

/** The `X-Request-Id` that is accepted from a client; others could forge log lines. */
const REQUEST_ID = /^[\w.-]{1,64}$/;

/** The id of a request: the client's own if it is valid, otherwise a new one. */
export function requestIdOf(request: IncomingMessage): RequestId {
  const asked = request.headers['x-request-id'];
  return (typeof asked === 'string' && REQUEST_ID.test(asked) ? asked : randomUuid()) as RequestId;
}
