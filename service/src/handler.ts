import type { Authorize } from './connections/authorization.ts';
import { countOnly, type Handle } from './connections/message-handler.ts';

/*
 * What this service does for its clients: replace it by what yours does. docs/make-it-yours.md is the walk.
 */

/**
 * Handles a message, which is counted already. What it returns, or resolves with, is the `data` of the reply. It runs
 * within HANDLER_TIMEOUT_SECONDS, HANDLER_CONCURRENCY at once for a connection, and answers keep the order of the
 * messages. When it fails, the connection is closed with 1011.
 */
export const handle: Handle = countOnly;

/** Says who a client is, or denies its handshake with a status. */
export const authorize: Authorize = () => ({});
