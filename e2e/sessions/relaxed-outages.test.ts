import { proveOutages } from '../support/session-outages.ts';

proveOutages('relaxed', { sockets: 2000, sendRate: 1 });
