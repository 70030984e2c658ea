import type { Dialect } from '../../../loadtest/src/dialect.ts';

/** Ids of the messages begin here, so that none is the connect's. */
const FIRST_ID = 1_000_000_000;
const REPLY = '{"id":1';

/**
 * Centrifugo's JSON protocol, several messages of the server in a frame, a line each. It counts nothing for its clients: a message is
 * published to a channel, and the count is the number of the command, which the reply repeats.
 */
export const dialect: Dialect = {
  greeting: '{"id":2,"connect":{}}',
  message: (n) => `{"id":${FIRST_ID + n},"publish":{"channel":"chat","data":"message message "}}`,
  read: (text) =>
    text.split('\n').flatMap((line): ReturnType<Dialect['read']> => {
      if (line.startsWith(REPLY)) return [{ kind: 'reply', count: parseInt(line.slice(REPLY.length), 10) }];
      if (line.startsWith('{"id":2,"connect":')) return [{ kind: 'welcome' }];
      if (line === '{}') return [{ kind: 'keep-alive', answer: '{}' }];
      return line === '' ? [] : [{ kind: 'unknown', text: line }];
    }),
};
