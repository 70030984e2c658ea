/**
 * The address that Loki's paths are appended to, of what people have at hand: with a slash at its end, or the path of an
 * endpoint of Loki, today's or that of versions before 1.0 (`/api/prom/push`).
 */
export function lokiBaseUrl(address: string): string {
  return address.replace(ENDPOINT, '');
}

const ENDPOINT = /(?:\/+loki\/api\/v1(?:\/+[a-z_]+)?|\/+api\/prom(?:\/+[a-z_]+)?|\/+push)?\/*$/;
