/** What the reader picked: regular expressions for variables that allow more than one. */
export type Picked = Readonly<Record<string, string>>;

/** Formats of Grafana's that queries here use (grafana.com/docs, "Variable syntax"). */
const FORMATS: Readonly<Record<string, (value: string) => string>> = {
  raw: (value) => value,
  regex: (value) => value.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'),
};

/**
 * A panel's query as Grafana sends it: variables and intervals filled in.
 * @throws {Error} if a variable or a format is left
 */
export function interpolate(expr: string, picked: Picked): string {
  return expr.replaceAll(VARIABLE, (variable, bare?: string, braced?: string, format = 'raw') => {
    const value = picked[bare ?? braced ?? ''];
    const formatted = value === undefined ? undefined : FORMATS[format as string]?.(value);
    if (formatted === undefined) throw new Error(`no value for ${variable} in ${expr}`);
    return formatted;
  });
}

/** `$name`, `${name}` and `${name:format}`; not the `$1` of label_replace. */
const VARIABLE = /\$([A-Za-z_]\w*)|\$\{(\w+)(?::(\w+))?\}/g;

/** Any value of each variable, for checks of syntax. */
export const ANY: Picked = {
  job: '.*',
  namespace: '.*',
  release: '.*',
  pod: '.*',
  service: '.+',
  environment: '.*',
  level: '.+',
  session: 'ce4d0b1e-0000-4000-8000-000000000000',
  messages: '^$',
  search: '',
  __rate_interval: '1m',
  __range: '1h',
  __auto: '1m',
};
