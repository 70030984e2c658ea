import { AVAILABILITY } from './alerts/availability.ts';
import { CLIENTS } from './alerts/clients.ts';
import { DRAINS } from './alerts/drains.ts';
import { ERRORS } from './alerts/errors.ts';
import { SATURATION } from './alerts/saturation.ts';
import type { Alert } from './rule.ts';
import { SLOS } from './slos.ts';

/** Groups of alerts, in the order in which one asks: each becomes a rule group and a section of docs/alerts.md. */
export const ALERT_GROUPS: readonly {
  readonly name: string;
  readonly title: string;
  readonly alerts: readonly Alert[];
}[] = [
  { name: 'availability', title: 'Instances', alerts: AVAILABILITY },
  { name: 'errors', title: 'Errors', alerts: ERRORS },
  { name: 'saturation', title: 'Limits', alerts: SATURATION },
  { name: 'drains', title: 'Drains', alerts: DRAINS },
  { name: 'clients', title: 'Clients', alerts: CLIENTS },
];

/** Every alert that has its own expression; those of the error budgets come from {@link SLOS}. */
export const ALERTS: readonly Alert[] = ALERT_GROUPS.flatMap(({ alerts }) => alerts);

/** Name of every alert. */
export const ALERT_NAMES: readonly string[] = [...SLOS.map(({ alert }) => alert), ...ALERTS.map(({ name }) => name)];
