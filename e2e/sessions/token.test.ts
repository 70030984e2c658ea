import { proveDisruptions } from '../support/session-disruptions.ts';

// Counts are in the pods' memory alone, and byes hand them over.
proveDisruptions({
  mode: 'token',
  values: { store: { type: 'memory' }, resumeToken: { enabled: true }, config: { finalScrapeWaitSeconds: 0 } },
  shape: { sockets: 2000, sendRate: 1 },
  killed: undefined,
});
