/** What the reader picked: regular expressions for variables that allow more than one. */
export type Picked = Readonly<Record<string, string>>;

/**
 * A panel's query as Grafana sends it: variables and intervals filled in.
 * @throws {Error} if a variable is left
 */
export function interpolate(expr: string, picked: Picked): string {
  const filled = expr.replaceAll(/\$(__)?\w+/g, (variable) => picked[variable.slice(1)] ?? variable);
  const left = /\$\w+/.exec(filled)?.[0];
  if (left !== undefined) throw new Error(`no value for ${left} in ${expr}`);
  return filled;
}

/** Any value of each variable, for checks of syntax. */
export const ANY: Picked = {
  namespace: '.*',
  release: '.*',
  pod: '.*',
  service: '.+',
  environment: '.*',
  level: '.+',
  session: 'ce4d0b1e-0000-4000-8000-000000000000',
  search: '',
  __rate_interval: '1m',
  __range: '1h',
  __auto: '1m',
};
