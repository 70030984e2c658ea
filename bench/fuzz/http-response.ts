/** An HTTP/1.1 answer, as far as the fuzz looks at it. */
export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Bytes that it took. */
  readonly length: number;
}

/**
 * Reads the first answer in some bytes.
 * @param method of the request: the answer to a HEAD has no body
 * @returns nothing if it is not there whole yet; the body of a chunked one is left out
 * @throws {Error} if it is not HTTP/1.1
 */
export function parseResponse(bytes: Buffer, method: string): HttpResponse | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) [\x20-\x7e]*$/.exec(first)?.[1] ?? NaN);
  if (Number.isNaN(status)) throw new Error(`the answer is not HTTP: ${JSON.stringify(first.slice(0, 100))}`);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const parts = /^([!#$%&'*+.^_`|~\w-]+): ?(.*)$/.exec(line);
    if (parts === null) throw new Error(`the answer has a broken header: ${JSON.stringify(line)}`);
    headers[(parts[1] ?? '').toLowerCase()] = parts[2] ?? '';
  }
  const start = end + 4;
  // What refuses a request before its method is known, or a handshake, answers with a body, and closes.
  const bodiless =
    (method === 'HEAD' && headers['connection'] !== 'close') || status < 200 || status === 204 || status === 304;
  if (bodiless) return { status, headers, body: '', length: start };
  if (headers['transfer-encoding'] === 'chunked') {
    const last = bytes.indexOf('0\r\n\r\n', start);
    return last === -1 ? undefined : { status, headers, body: '', length: last + 5 };
  }
  const size = Number(headers['content-length'] ?? 0);
  if (bytes.length < start + size && method !== 'HEAD') return undefined;
  return { status, headers, body: bytes.toString('utf8', start, start + size), length: start + size };
}
