import { validateHeaderValue, type OutgoingHttpHeaders } from 'node:http';

/** What belongs to the handshake itself, and is written by `ws`, or would begin a body, which it has none. */
const OWN = /^(connection|upgrade|sec-websocket-.*|content-length|transfer-encoding|expect)$/i;
/** Of these a request has one (RFC 9112, section 3.2): the last one that is given. */
const SINGLE = 'host';
/** RFC 9110, section 5.6.2 and 5.5: no line ends in a field. */
const LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*)$/;

/**
 * Reads header lines, `Name: value`. Names are one whatever their case.
 * @throws {RangeError} with the rule that was broken, without the value, which may be a secret
 */
export function parseHeaderLines(lines: readonly string[]): OutgoingHttpHeaders {
  const headers: Record<string, string | string[]> = {};
  for (const line of lines) {
    const [, name, value] = LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new RangeError('must be a header line, Name: value');
    if (OWN.test(name)) throw new RangeError(`must not be ${name}, which the handshake sets itself`);
    checkValue(name, value);
    const known = Object.keys(headers).find((each) => each.toLowerCase() === name.toLowerCase()) ?? name;
    headers[known] = known.toLowerCase() === SINGLE ? value : [headers[known] ?? [], value].flat();
  }
  return headers;
}

function checkValue(name: string, value: string): void {
  try {
    validateHeaderValue(name, value);
  } catch {
    throw new RangeError(`must have a value of ${name} that a header may hold (RFC 9110, section 5.5)`);
  }
  if (name.toLowerCase() === SINGLE && !URL.canParse(`http://${value}`))
    throw new RangeError('must have a Host such as chat.example.com or chat.example.com:8080');
}
