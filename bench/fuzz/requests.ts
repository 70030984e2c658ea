import { METHODS } from 'node:http';
import fc from 'fast-check';
import { WEBSOCKET_PATH } from '../../service/src/protocol/protocol.ts';

/** A request of a client, before it is put on the wire. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly version: string;
  readonly headers: readonly Header[];
  readonly eol: string;
  readonly body: string;
}

/** A handshake with something unusual, wrong or broken about it. */
export interface Handshake {
  readonly request: Request;
  /** Statuses that may answer it, limits aside: 101 alone for a good one; undefined for one that is not HTTP or unusual HTTP. */
  readonly statuses: readonly number[] | undefined;
}

type Header = readonly [name: string, value: string];

/** The settings of the service that handshakes depend on. */
export interface HandshakeLimits {
  /** Origins that ALLOWED_ORIGINS permits; undefined if it permits all. */
  readonly origins: readonly string[] | undefined;
  readonly deflate: boolean;
}

const VALUE_LETTERS = 'abcXYZ019 ,;="/\\()<>@[]{}\t\u00e9\u00ff';
const uuids = fc.uuid();
const key = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('base64'));

/** Handshakes that succeed. */
export const goodHandshakes: fc.Arbitrary<Request> = fc.record({
  method: fc.constant('GET'),
  path: fc.constantFrom(WEBSOCKET_PATH, WEBSOCKET_PATH.slice(0, -1)),
  query: fc.constant(''),
  version: fc.constant('HTTP/1.1'),
  headers: fc.tuple(
    fc.constant<Header>(['Host', 'localhost:8080']),
    header('Connection', fc.constantFrom('Upgrade', 'upgrade', 'keep-alive, Upgrade')),
    header('Upgrade', fc.constantFrom('websocket', 'WebSocket', 'websocket, h2c', 'h2c,WebSocket')),
    fc.constant<Header>(['Sec-WebSocket-Version', '13']),
    header('Sec-WebSocket-Key', key),
  ),
  eol: fc.constant('\r\n'),
  body: fc.constant(''),
});

/** Adds permessage-deflate, in which each message is compressed by itself. */
export function negotiatingDeflate(request: Request): Request {
  const value = 'permessage-deflate; client_no_context_takeover; server_no_context_takeover';
  return { ...request, headers: [...request.headers, ['Sec-WebSocket-Extensions', value]] };
}

/** Handshakes with up to three twists. */
export function handshakes(limits: HandshakeLimits): fc.Arbitrary<Handshake> {
  const chosen = fc.uniqueArray(twists(limits), { minLength: 1, maxLength: 3, selector: ({ of }) => of });
  return fc.tuple(goodHandshakes, chosen).map(([good, all]) => {
    const outcomes = all.map(({ outcome }) => outcome);
    const refusals = outcomes.filter((outcome) => typeof outcome === 'number');
    const statuses = refusals.length === 0 ? [101] : refusals;
    return {
      request: all.reduce((request, { change }) => change(request), good),
      statuses: outcomes.includes('any') ? undefined : statuses,
    };
  });
}

/** Plain HTTP requests: to health, metrics, the page, and to where nothing is. */
export const plainRequests: fc.Arbitrary<Request> = fc.record({
  method: fc.oneof(
    { weight: 10, arbitrary: fc.constant('GET') },
    { weight: 2, arbitrary: fc.constant('HEAD') },
    { weight: 1, arbitrary: fc.constantFrom(...METHODS.filter((method) => method !== 'CONNECT')) },
  ),
  path: fc.oneof(
    fc.constantFrom(
      '/healthz/',
      '/readyz',
      '/',
      '/console.js',
      '/favicon.ico',
      WEBSOCKET_PATH,
      `${WEBSOCKET_PATH}?a=b`,
    ),
    fc.constantFrom(
      '/%',
      '/%00',
      '/..%2f..%2fetc/passwd',
      '//',
      `${WEBSOCKET_PATH}..`,
      '/healthz/../metrics',
      '*',
      'http://[',
      '/?',
    ),
    letters("abcXYZ019-._~!$&'()*+,;=:@/?%", 30).map((text) => `/${text}`),
  ),
  query: fc.constant(''),
  version: fc.constant('HTTP/1.1'),
  headers: fc
    .array(anyHeader(), { maxLength: 3 })
    .map((rest): readonly Header[] => [['Host', 'localhost'], ['Connection', 'close'], ...rest]),
  eol: fc.constant('\r\n'),
  body: fc.constant(''),
});

/** The bytes of a request. */
export function bytesOf({ method, path, query, version, headers, eol, body }: Request): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  return Buffer.from([`${method} ${path}${query} ${version}`, ...lines, '', body].join(eol), 'latin1');
}

/** A change to a good handshake. */
interface Twist {
  /** What of the request it changes: one twist each. */
  readonly of: string;
  readonly change: (request: Request) => Request;
  /** The status of the refusal that it brings about; `any` if the answer is not known. */
  readonly outcome: number | 'good' | 'any';
}

function twists({ origins, deflate }: HandshakeLimits): fc.Arbitrary<Twist> {
  const badExtension = deflate ? 400 : 'good';
  return fc.oneof(
    queries(
      'good',
      fc.oneof(
        uuids.map((id) => `?session_id=${id}`),
        letters('abcXYZ019-._~!$()*,;:@/', 40).map((text) => `?${text}`),
        uuids.map((id) => `?a=b&session_id=${percentEncoded(id.toUpperCase())}&c`),
      ),
    ),
    queries(
      400,
      fc.oneof(
        fc.constantFrom('?session_id=', '?session_id', '?session_id=%F0%9F%98%80'),
        letters('abcXYZ019-._~!$()*,;:@/%+', 300).map((text) => `?session_id=${text}`),
        uuids.map((id) => `?session_id=${id}&session_id=${id}`),
        uuids.map((id) => `?session_id=${id}%00`),
        uuids.map((id) => `?session_id=${id.replaceAll('-', '')}`),
      ),
    ),
    paths('good', fc.constantFrom('http://localhost/ws/chat/', 'WS://user@[::1]:8080/ws/chat')),
    paths(404, fc.constantFrom('/', '/ws', '/ws/chat/x', '//ws/chat/', '/WS/CHAT/', '/ws/chat//', '/ws/%63hat/')),
    setting('Host', 400, fc.constant(undefined)),
    setting(
      'Sec-WebSocket-Key',
      400,
      fc.constantFrom(undefined, '', 'short', 'x'.repeat(24), `${'A'.repeat(21)}===`, 'dGhlIHNhbXBsZSBub25jZQ== x'),
    ),
    setting('Sec-WebSocket-Version', 400, fc.constantFrom(undefined, '', '12', '13, 8', 'x', '99999999999')),
    ...(origins === undefined
      ? [adding('Origin', 'good', fc.constantFrom('https://evil.example', 'null', 'x', ''))]
      : [
          adding('Origin', 'good', fc.constantFrom(...origins)),
          adding(
            'Origin',
            403,
            fc.constantFrom('https://evil.example', 'null', 'https://app.example.com.evil', 'file://'),
          ),
        ]),
    adding(
      'X-Forwarded-For',
      'good',
      fc
        .array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('unknown', '', '999.1.1.1', '[2001:db8::1]:99')), {
          maxLength: 6,
        })
        .map((all) => all.join(', ')),
    ),
    adding(
      'X-Request-Id',
      'good',
      fc.oneof(uuids, fc.constantFrom('', 'x'.repeat(65), '"},{"level":"CRITICAL"'), letters(VALUE_LETTERS, 90)),
    ),
    adding('Sec-WebSocket-Protocol', 'good', fc.constantFrom('', ',', 'chat', 'chat,,x', 'chat, superchat,v1.x')),
    adding('Sec-WebSocket-Protocol', 400, fc.constantFrom('chat, chat', 'a b', '\u00e9')),
    adding(
      'Sec-WebSocket-Extensions',
      'good',
      fc.constantFrom(
        '',
        ', permessage-deflate',
        'permessage-deflate; client_max_window_bits; server_no_context_takeover',
        'x-unknown; a=b, permessage-deflate; client_max_window_bits=10',
      ),
    ),
    adding(
      'Sec-WebSocket-Extensions',
      badExtension,
      fc.constantFrom(
        'permessage-deflate; server_max_window_bits=99',
        'permessage-deflate; nonsense',
        ';',
        'permessage-deflate; a="unclosed',
      ),
    ),
    fc.constant<Twist>({
      of: 'version',
      outcome: 400,
      change: (request) => ({ ...request, version: 'HTTP/1.0' }),
    }),
    fc
      .constantFrom('POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH')
      .map((method): Twist => ({ of: 'method', outcome: 405, change: (request) => ({ ...request, method }) })),
    anyHeader().map(([name, value]): Twist => ({
      of: name,
      outcome: 'good',
      change: (request) => withHeader(request, name, value),
    })),
    unusual,
  );
}

/** What HTTP servers may answer as they like. */
const unusual: fc.Arbitrary<Twist> = fc
  .oneof(
    fc.constantFrom<Partial<Request>>(
      { version: 'HTTP/2.0' },
      { version: '' },
      { eol: '\n' },
      { eol: '\r' },
      { method: 'get' },
      { method: 'CONNECT' },
      { method: 'PRI' },
      { path: '*' },
      { path: `/${'a'.repeat(20_000)}` },
      { path: '' },
      { body: 'body' },
    ),
    fc.constantFrom<Header>(
      ['Upgrade', 'h2c'],
      ['Connection', 'keep-alive'],
      ['Bad Name', 'x'],
      ['', 'x'],
      ['X\u0000', 'x'],
      ['X-Folded', 'a\r\n b'],
      ['Host', 'other'],
      ['Cookie', 'c'.repeat(17_000)],
      ['Content-Length', '5'],
      ['Content-Length', '-1'],
      ['Transfer-Encoding', 'chunked'],
      ['Expect', '100-continue'],
    ),
    fc.constantFrom(50, 500, 3000),
  )
  .map((change): Twist => ({
    of: 'syntax',
    outcome: 'any',
    change: (request) => {
      if (Array.isArray(change)) return withHeader(request, ...(change as unknown as Header));
      if (typeof change === 'number')
        return {
          ...request,
          headers: [...request.headers, ...Array.from({ length: change }, (_, index): Header => [`X-${index}`, 'x'])],
        };
      return { ...request, ...(change as Partial<Request>) };
    },
  }));

function queries(outcome: Twist['outcome'], values: fc.Arbitrary<string>): fc.Arbitrary<Twist> {
  return values.map((query) => ({ of: 'query', outcome, change: (request) => ({ ...request, query }) }));
}

function paths(outcome: Twist['outcome'], values: fc.Arbitrary<string>): fc.Arbitrary<Twist> {
  return values.map((path) => ({ of: 'path', outcome, change: (request) => ({ ...request, path }) }));
}

/** Replaces a header of the handshake, or removes it. */
function setting(
  name: string,
  outcome: Twist['outcome'],
  values: fc.Arbitrary<string | undefined>,
): fc.Arbitrary<Twist> {
  return values.map((value) => ({
    of: name,
    outcome,
    change: (request) =>
      withHeader({ ...request, headers: request.headers.filter(([each]) => each !== name) }, name, value),
  }));
}

/** Adds a header. */
function adding(name: string, outcome: Twist['outcome'], values: fc.Arbitrary<string>): fc.Arbitrary<Twist> {
  return values.map((value) => ({ of: name, outcome, change: (request) => withHeader(request, name, value) }));
}

function withHeader(request: Request, name: string, value: string | undefined): Request {
  return value === undefined ? request : { ...request, headers: [...request.headers, [name, value]] };
}

function header(name: string, values: fc.Arbitrary<string>): fc.Arbitrary<Header> {
  return values.map((value) => [name, value]);
}

function anyHeader(): fc.Arbitrary<Header> {
  return fc.tuple(
    letters('abcdefXYZ019-_', 20).map((name) => `X-A${name}`),
    letters(VALUE_LETTERS, 60),
  );
}

function letters(alphabet: string, maxLength: number): fc.Arbitrary<string> {
  return fc.array(fc.constantFrom(...Array.from(alphabet)), { maxLength, size: 'max' }).map((all) => all.join(''));
}

function percentEncoded(text: string): string {
  return Array.from(text, (letter) => `%${letter.charCodeAt(0).toString(16)}`).join('');
}
