import { parseMessage, type ServerMessage } from './server-message.ts';

/**
 * How a kind of server is spoken to: a message in, a count out. For programs that compare the service with other
 * servers: a module that exports one as `dialect` is named by {@link Plan.dialect}.
 */
export interface Dialect {
  /** First text of the client; the connection then counts as open at the server's `welcome`. */
  readonly greeting?: string;
  /** The n-th message of a connection, from 1. */
  message(n: number): string | Buffer;
  /** What a text of the server means. */
  read(text: string): readonly (ServerMessage | Welcome | KeepAlive)[];
}

/** The server answered the greeting. */
export interface Welcome {
  readonly kind: 'welcome';
}

/** The server asks for a text as a sign of life. */
export interface KeepAlive {
  readonly kind: 'keep-alive';
  readonly answer: string;
}

/** The service's own protocol. */
export function serviceDialect(messageBytes: number): Dialect {
  // A Buffer: `ws` masks and writes it in one piece, a string in two.
  const message = Buffer.alloc(messageBytes, 'message ');
  return { message: () => message, read: (text) => [parseMessage(text)] };
}
