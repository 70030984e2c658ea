import { RUNBOOK_URL } from '../../alerts/src/config.ts';
import { KEPT, UIDS } from './config.ts';
import type { Link } from './panel.ts';

/** A link to a dashboard, which keeps the variables that both have, and the time. */
export function linkTo(
  dashboard: keyof typeof UIDS,
  picked: Readonly<Record<string, string>>,
  from: keyof typeof UIDS = 'overview',
): string {
  const variables = Object.entries(picked).map(([name, value]) => `var-${name}=${value}`);
  const logs = from === 'logs' && dashboard === 'logs' ? ['${service:queryparam}', '${environment:queryparam}'] : [];
  return `/d/${UIDS[dashboard]}?${[...variables, ...logs, KEPT].join('&')}`;
}

/** From the name of an alert, in a row with the columns Alert, Namespace and Release. */
export const ALERT_LINKS: readonly Link[] = [
  { title: 'Runbook', url: `${RUNBOOK_URL}/\${__value.raw}.md` },
  {
    title: 'Silence',
    url: `/alerting/silence/new?alertmanager=\${alertmanager_datasource:text}&${['alertname=${__value.raw}', 'namespace=${__data.fields.Namespace}', 'release=${__data.fields.Release}'].map((matcher) => `matcher=${matcher.replace('=', '%3D')}`).join('&')}`,
  },
  { title: 'Logs', url: linkTo('logs', {}) },
];
