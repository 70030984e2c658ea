/**
 * Reads an address of HTTP.
 * @param example for the error
 * @throws {RangeError} with the rule that was broken, without the address, which may hold a password
 */
export function parseHttpUrl(raw: string, example: string): URL {
  const url = URL.parse(raw);
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new RangeError(`must be a URL such as ${example}`);
  if (!isEncoded(url.username) || !isEncoded(url.password))
    throw new RangeError(
      'has a user or password with a % that begins no code: write it as %25 (RFC 3986, section 2.1)',
    );
  return url;
}

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
