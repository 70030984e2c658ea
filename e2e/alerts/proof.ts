import type { Severity } from '../../alerts/src/rule.ts';
import type { Values } from '../support/release.ts';
import type { Bed, BedPlan, Ending } from './bed.ts';
import type { Look } from './cause.ts';

/** How it is shown that an alert fires when it should, tells the right thing to the right receiver, and ends with its cause. */
export interface Proof extends BedPlan {
  readonly severity: Severity;
  /** What is done to the service, in a few words. */
  readonly fault: string;
  /** What the notification's description has to say. */
  readonly says: RegExp;
  /** The way from the notification to the cause; the last look shows it. */
  readonly cause: readonly Look[];
  /** Other alerts that the fault rightly brings about: any that is not named here fails the proof. */
  readonly besides?: readonly string[];
  /** Brings about what is there in good times, before the rules are looked at. */
  readonly prepare?: (bed: Bed) => Promise<void>;
  /** Makes the fault. @returns what ends it */
  readonly inject: (bed: Bed) => Promise<Ending>;
  /** Looks at what else must be so while the alert fires. */
  readonly whileFiring?: (bed: Bed) => Promise<void>;
}

/** Values under `prometheusRule` that change one alert. */
export function ruleOf(alert: string, values: Values): Values {
  return { alerts: { [alert]: values } };
}
