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
  const exact = new Set(rules.map((rule) => rule.toLowerCase()));
  const wildcards = rules
    .filter((rule) => rule.includes('://*.'))
    .map((rule) => rule.toLowerCase().split('*') as [string, string]);
  return (origin, host) => {
    if (origin === undefined) return true;
    const asked = origin.toLowerCase();
    if (exact.has(asked)) return true;
    if (exact.has('self') && host !== undefined && URL.parse(asked)?.host === host.toLowerCase()) return true;
    return wildcards.some(
      ([scheme, domain]) =>
        asked.startsWith(scheme) && asked.endsWith(domain) && asked.length > scheme.length + domain.length,
    );
  };
}
