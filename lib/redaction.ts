/** What stands for a secret in an output. */
const HIDDEN = '***';
/** An address in a text, from its `://` on. */
const ADDRESS = /:\/\/[^\s"'`<>]+/g;
/** A parameter of a query; in a text without scheme and host too, as in the path of a request. */
const PARAMETER = /([?&#][^\s"'`<>?&#=/]*=)[^\s"'`<>&#]*/g;

/**
 * A text without the secrets of the addresses in it: `user:password@`, and the values of queries, of which no one knows
 * which are secrets. All before the last `@` is hidden, since unescaped passwords may hold `/`, `?`, `#` and `@`.
 */
export function redacted(text: string): string {
  return text.replaceAll(ADDRESS, (address) => withoutQuery(withoutUser(address))).replaceAll(PARAMETER, `$1${HIDDEN}`);
}

/** The same of a text that is one address, or was meant to be: it may lack a scheme, and hold spaces and quotes. */
export function redactedAddress(text: string): string {
  const [, scheme = '', rest = ''] = /^((?:[a-z][a-z0-9+.-]*:\/\/)?)(.*)$/is.exec(text) ?? [];
  if (scheme === '') return withoutQuery(rest.replace(/^[^@]*:.*@/s, `${HIDDEN}@`));
  return scheme + withoutQuery(withoutUser(`://${rest}`)).slice('://'.length);
}

/** A copy of a value in which every text is redacted. */
export function redactedIn<T>(value: T): T {
  if (typeof value === 'string') return redacted(value) as T;
  if (Array.isArray(value)) return value.map(redactedIn) as T;
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, redactedIn(child as unknown)])) as T;
}

function withoutUser(address: string): string {
  return address.replace(/^:\/\/.*@/s, `://${HIDDEN}@`);
}

/** Also of one that is a bare token, without a name. */
function withoutQuery(address: string): string {
  return address.replace(/\?(?=[^#]*\w)[^#]*/s, (query) =>
    query
      .split('&')
      .map((parameter) => (/^\??[^=]*=/.exec(parameter)?.[0] ?? (parameter.startsWith('?') ? '?' : '')) + HIDDEN)
      .join('&'),
  );
}
