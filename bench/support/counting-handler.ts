/**
 * Loaded into the service by `--import`: it counts and lets everyone in, whatever its handler.ts does, so that each byte of
 * its answers is known.
 */
import { registerHooks } from 'node:module';

const COUNTING = `
  export { countOnly as handle } from './connections/message-handler.ts';
  export const authorize = () => ({});
`;

registerHooks({
  load: (url, context, next) =>
    url.endsWith('/service/src/handler.ts')
      ? { format: 'module', source: COUNTING, shortCircuit: true }
      : next(url, context),
});
