import type { Dialect } from '../../src/dialect.ts';

/** A protocol of its own: `hello` is answered by `welcome`, each `m <n>` by `c <n>`, and `still?` asks for `here`. */
export const dialect: Dialect = {
  greeting: 'hello',
  message: (n) => `m ${n}`,
  read: (text) =>
    text.split('\n').map((line) => {
      const count = /^c (\d+)$/.exec(line)?.[1];
      if (count !== undefined) return { kind: 'reply', count: Number(count) };
      if (line === 'welcome') return { kind: 'welcome' };
      return line === 'still?' ? { kind: 'keep-alive', answer: 'here' } : { kind: 'unknown', text: line };
    }),
};
