import { originOf, WILDCARD } from '../config/origin-rule.ts';

/**
 * Returns a check of a handshake's Origin header (RFC 6454) against ALLOWED_ORIGINS.
 *
 * A request without Origin is accepted: only browsers send it, and only they send a user's credentials for foreign
 * pages.
 * @param rules `*`, `self`, `https://app.example.com`, `https://*.example.com`
 */
export function originCheck(
  rules: readonly string[],
): (origin: string | undefined, host: string | undefined) => boolean {
  if (rules.includes('*')) return () => true;
  const exact = new Set(rules.filter((rule) => !rule.includes('*')).map(originOf));
  const parents = rules
    .filter((rule) => rule.includes(WILDCARD))
    .map((rule) => splitOrigin(originOf(rule.replace(WILDCARD, '://'))));
  return (header, host) => {
    if (header === undefined) return true;
    const origin = originOf(header);
    if (origin === undefined) return false;
    if (exact.has(origin)) return true;
    const [scheme, domain] = splitOrigin(origin);
    // The scheme says which port a Host without one has.
    if (rules.includes('self') && host !== undefined && originOf(`${scheme}://${host}`) === origin) return true;
    return parents.some(
      ([parentScheme, parent]) =>
        scheme === parentScheme && domain.endsWith(`.${parent}`) && LABELS.test(domain.slice(0, -parent.length)),
    );
  };
}

/** Labels of a host name, each with the dot behind it. */
const LABELS = /^(?:[\w-]+\.)+$/;

/** Scheme, and host with its port. */
function splitOrigin(origin = ''): [string, string] {
  const [scheme = '', domain = ''] = origin.split('://');
  return [scheme, domain];
}
