import type { Proof } from './proof.ts';
import { AVAILABILITY_PROOFS } from './proofs/availability.ts';
import { CLIENT_PROOFS } from './proofs/clients.ts';
import { DRAIN_PROOFS } from './proofs/drains.ts';
import { ERROR_PROOFS } from './proofs/errors.ts';
import { SATURATION_PROOFS } from './proofs/saturation.ts';
import { SLO_PROOFS } from './proofs/slos.ts';

/** A proof of every alert, in the order of docs/alerts.md; alerts/test/proofs.test.ts misses one that is not there. */
export const PROOFS: readonly Proof[] = [
  ...SLO_PROOFS,
  ...AVAILABILITY_PROOFS,
  ...ERROR_PROOFS,
  ...SATURATION_PROOFS,
  ...DRAIN_PROOFS,
  ...CLIENT_PROOFS,
];
