import type { Dialect } from '../../../loadtest/src/dialect.ts';

const COUNT = '42["count",{"count":';
const MESSAGE = Buffer.from('42["message","message message "]');

/** Socket.IO 4 over Engine.IO 4: 0 opens, 2 and 3 keep alive, 40 connects, 42 is an event. */
export const dialect: Dialect = {
  greeting: '40',
  message: () => MESSAGE,
  read: (text) => {
    if (text.startsWith(COUNT)) return [{ kind: 'reply', count: parseInt(text.slice(COUNT.length), 10) }];
    if (text.startsWith('40{')) return [{ kind: 'welcome' }];
    if (text === '2') return [{ kind: 'keep-alive', answer: '3' }];
    return text.startsWith('0{') ? [] : [{ kind: 'unknown', text }];
  },
};
