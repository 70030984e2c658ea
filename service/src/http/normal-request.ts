import type { IncomingMessage } from 'node:http';

/**
 * Rewrites a request as `ws`, Express and the rules of handshakes read it, before any of them sees it: they compare
 * `Upgrade` and the target as whole texts. A request that is rewritten already stays as it is.
 *
 *  - a target in absolute form becomes path and query, and its authority the Host (RFC 9112, section 3.2.2); a
 *    fragment, which no target may have, is cut off
 *  - `Upgrade` becomes `websocket` if that is one of the protocols it lists (RFC 9110, section 7.8)
 *  - lists of the handshake lose their empty elements (RFC 9110, section 5.6.1.2)
 */
export function normaliseRequest(request: IncomingMessage): void {
  const { headers, url = '' } = request;
  const [, authority, target] = TARGET.exec(url) ?? [];
  if (target !== undefined) request.url = target.startsWith('/') ? target : `/${target}`;
  // Without a Host a request stays invalid, whatever its target (RFC 9112, section 3.2).
  if (authority !== undefined && headers.host !== undefined) headers.host = authority;
  if (WEBSOCKET.test(headers.upgrade ?? '')) headers.upgrade = 'websocket';
  for (const name of LISTS)
    if (headers[name] !== undefined) headers[name] = elements(headers[name]).join(', ') || undefined;
}

/** Whether the target of a normalised request is a path, or `*` (RFC 9112, section 3.2.4). */
export function hasValidTarget({ url = '' }: IncomingMessage): boolean {
  return url.startsWith('/') || url === '*';
}

/**
 * Scheme and authority (RFC 3986, section 3), if there are any, of which the host, with its port, is the first group;
 * path and query are the second one.
 */
const TARGET =
  /^(?:[a-z][a-z\d+.-]*:\/\/(?:[^/?#@]*@)?((?:\[[\da-f:.]+\]|[^/?#@[\]:]+)(?::\d*)?)(?=[/?#]|$)|(?=\/))([^#]*)/i;

/** `websocket` as an element of a list. */
const WEBSOCKET = /(?:^|,)\s*websocket\s*(?:,|$)/i;

/** Headers whose value is a list, and that `ws` rejects for an empty element. */
const LISTS = ['sec-websocket-extensions', 'sec-websocket-protocol'] as const;

function elements(list: string): string[] {
  return list
    .split(',')
    .map((element) => element.trim())
    .filter((element) => element !== '');
}
