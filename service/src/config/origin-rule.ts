/** Whether a text is a rule of ALLOWED_ORIGINS: `*`, `self`, `https://app.example.com` or `https://*.example.com`. */
export function isOriginRule(rule: string): boolean {
  if (rule === '*' || rule === 'self') return true;
  const origin = originOf(rule.replace(WILDCARD, '://'));
  return origin !== undefined && !origin.includes('*');
}

/** How a rule for all hosts below a domain begins its host. */
export const WILDCARD = '://*.';

/**
 * The origin that a text is: scheme, host and port, in lower case and without a default port, so that spellings of one
 * origin are equal (RFC 6454, sections 4 and 6.2). `URL.origin` knows the schemes of web pages alone, and an app may
 * have its own, such as `capacitor://localhost`.
 * @returns `undefined` if it is none, or more, such as a path
 */
export function originOf(text: string): string | undefined {
  const lowerCase = text.toLowerCase();
  const url = ORIGIN.test(lowerCase) ? URL.parse(lowerCase) : null;
  return url === null ? undefined : `${url.protocol}//${url.host}`;
}

const ORIGIN = /^[a-z][a-z\d+.-]*:\/\/[^\s/?#@\\]+$/;
