import type { IncomingMessage } from 'node:http';
import { randomUuid } from '../runtime/random-uuid.ts';

/** The id of a request: letters, digits, `_`, `.` and `-` alone, so that it stands in JSON as it is. */
export type RequestId = string & { readonly __brand: 'RequestId' };

/** What is taken from a client as `X-Request-Id`: it ends up in logs. */
const REQUEST_ID = /^[\w.-]{1,64}$/;

/** The id of a request: the client's own if it is fit for a log, else a new one. */
export function requestIdOf(request: IncomingMessage): RequestId {
  const asked = request.headers['x-request-id'];
  return (typeof asked === 'string' && REQUEST_ID.test(asked) ? asked : randomUuid()) as RequestId;
}
