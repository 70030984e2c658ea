import type { IncomingMessage } from 'node:http';
import { inTime } from '../runtime/in-time.ts';

/** What `authorize` says about a client. */
export type Authorization = Admission | Denial;

/** The client may connect. */
export interface Admission {
  /** Who it is: short, and no secret, since it is in the log lines of the connection. Left out for nobody in particular. */
  readonly user?: string;
}

/** The client may not connect. */
export interface Denial {
  /** HTTP status of the answer, 400 to 599, for example 401 or 403. */
  readonly status: number;
  /** What is wrong and what to do, for people; it is in the body of the answer. */
  readonly message: string;
}

/**
 * Says who sends a handshake, or denies it. It runs after the checks of the service, and before the session is opened.
 * @throws anything, for an answer with 500
 */
export type Authorize = (request: IncomingMessage) => Authorization | Promise<Authorization>;

/** Maximum length of a user in log lines, in characters. */
const MAX_USER_LENGTH = 256;

/**
 * Calls `authorize`. What it answers synchronously is returned synchronously.
 * @param timeoutSeconds for a promise
 * @throws {Error} also by the promise: when `authorize` fails, is late, or answers what it may not
 */
export function authorization(
  authorize: Authorize,
  request: IncomingMessage,
  timeoutSeconds: number,
): Authorization | Promise<Authorization> {
  const answer = authorize(request);
  if (!(answer instanceof Promise)) return checked(answer);
  const late = `authorize of handler.ts did not answer within HANDSHAKE_TIMEOUT_SECONDS=${timeoutSeconds}`;
  return inTime(answer, timeoutSeconds, late).then(checked);
}

/** Whether a client may not connect. */
export function isDenied(answer: Authorization): answer is Denial {
  return 'status' in answer;
}

function checked(answer: Authorization): Authorization {
  const fault = isDenied(answer) ? statusFault(answer) : userFault(answer);
  if (fault !== undefined) throw new Error(`authorize of handler.ts answered with ${fault}`);
  return answer;
}

function statusFault({ status }: Denial): string | undefined {
  if (Number.isInteger(status) && status >= 400 && status <= 599) return undefined;
  return `status ${status}, which must be from 400 to 599`;
}

function userFault({ user }: Admission): string | undefined {
  if (user === undefined || (typeof user === 'string' && user.length <= MAX_USER_LENGTH)) return undefined;
  return `a user that is no string of up to ${MAX_USER_LENGTH} characters`;
}
