import { proveOutages } from '../support/session-outages.ts';

proveOutages('strict', { sockets: 2000, sendRate: 1 });
