import { METHODS } from 'node:http';
import { WEBSOCKET_PATH } from '../../service/src/protocol/protocol.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';

/** What the service that is asked was told, as far as its answers depend on it. */
export interface HandshakeTarget {
  /** Origins that ALLOWED_ORIGINS lets in; none if it lets all in. */
  readonly origins: readonly string[] | undefined;
  /** PER_MESSAGE_DEFLATE. */
  readonly deflate: boolean;
}

/** A request to be sent, and what must come of it. */
export interface HandshakeInput {
  readonly bytes: Buffer;
  readonly method: string;
  /**
   * Statuses that may answer it; none if anything may that an HTTP server answers. 101 stands alone: a good handshake must
   * succeed, but for limits.
   */
  readonly statuses: ReadonlySet<number> | undefined;
}

/** A handshake that must succeed. */
export function goodHandshake(
  random: Random,
  { sessionId, deflate = false }: { sessionId?: string; deflate?: boolean } = {},
): Buffer {
  const query = sessionId === undefined ? '' : `?session_id=${sessionId}`;
  const extra = deflate
    ? [
        [
          'Sec-WebSocket-Extensions',
          'permessage-deflate; client_no_context_takeover; server_no_context_takeover',
        ] as const,
      ]
    : [];
  const draft = newDraft(random);
  return serialize({ ...draft, target: `${WEBSOCKET_PATH}${query}`, headers: [...draft.headers, ...extra] });
}

/** A handshake with something unusual, wrong or broken about it. */
export function handshakeInput(random: Random, target: HandshakeTarget): HandshakeInput {
  const draft = newDraft(random);
  for (let times = random.between(1, 3); times > 0; times -= 1) random.weighted(TWISTS)(random, draft, target);
  const bytes = serialize(draft);
  if (random.chance(0.2)) return { bytes: mutate(random, bytes), method: draft.method, statuses: undefined };
  return { bytes, method: draft.method, statuses: draft.odd ? undefined : expected(draft) };
}

/** A plain HTTP request: to health, metrics, the page, and where nothing is. */
export function plainRequest(random: Random): HandshakeInput {
  const method = random.weighted([
    [10, 'GET'],
    [2, 'HEAD'],
    [1, random.pick(METHODS.filter((each) => each !== 'CONNECT'))],
  ]);
  const path = random.weighted([
    [
      4,
      random.pick([
        '/healthz/',
        '/readyz',
        '/',
        '/console.js',
        '/favicon.ico',
        '/ws/chat',
        '/ws/chat/',
        '/ws/chat/?a=b',
      ]),
    ],
    [2, `/${random.text(random.below(30), TARGET_LETTERS)}`],
    [
      1,
      random.pick([
        '/%',
        '/%00',
        '/..%2f..%2fetc/passwd',
        '//',
        '/ws/chat/..',
        '/healthz/../metrics',
        '*',
        'http://[',
        '/?',
      ]),
    ],
  ]);
  const headers: Header[] = [
    ['Host', 'localhost'],
    ...Array.from({ length: random.below(3) }, () => anyHeader(random)),
  ];
  const bytes = serialize({ method, target: path, version: 'HTTP/1.1', headers, eol: '\r\n', body: '' });
  return { bytes, method, statuses: undefined };
}

type Header = readonly [name: string, value: string];

/** A request on its way, with what a client may have got wrong about it so far. */
interface Draft {
  method: string;
  target: string;
  version: string;
  headers: Header[];
  eol: string;
  body: string;
  /** Statuses of the refusals it has earned. */
  readonly refusals: Set<number>;
  /** What comes of it is not known. */
  odd: boolean;
}

type Twist = (random: Random, draft: Draft, target: HandshakeTarget) => void;

const TARGET_LETTERS = "abcXYZ019-._~!$&'()*+,;=:@/?%";
const NAME_LETTERS = 'abcdefXYZ019-_';
const VALUE_LETTERS = 'abcXYZ019 ,;="/\\()<>@[]{}\t\u00e9\u00ff';

function newDraft(random: Random): Draft {
  const headers: Header[] = [
    ['Host', 'localhost:8080'],
    ['Connection', random.pick(['Upgrade', 'upgrade', 'keep-alive, Upgrade'])],
    ['Upgrade', random.pick(['websocket', 'WebSocket'])],
    ['Sec-WebSocket-Version', '13'],
    ['Sec-WebSocket-Key', random.bytes(16).toString('base64')],
  ];
  return {
    method: 'GET',
    target: WEBSOCKET_PATH,
    version: 'HTTP/1.1',
    headers,
    eol: '\r\n',
    body: '',
    refusals: new Set(),
    odd: false,
  };
}

function expected({ refusals }: Draft): ReadonlySet<number> {
  return refusals.size === 0 ? new Set([101]) : refusals;
}

const TWISTS: readonly (readonly [number, Twist])[] = [
  [10, twistSession],
  [6, twistPath],
  [6, twistKey],
  [5, twistVersion],
  [6, twistOrigin],
  [5, twistForwarded],
  [5, twistRequestId],
  [4, twistMethod],
  [4, twistProtocol],
  [5, twistExtensions],
  [4, twistUpgrade],
  [4, (random, draft) => void draft.headers.push(anyHeader(random))],
  [1, twistSize],
  [2, twistBody],
  [3, twistSyntax],
];

function twistSession(random: Random, draft: Draft): void {
  if (draft.target.includes('?')) return;
  const [good, query] = random.pick<() => readonly [boolean, string]>([
    () => [true, `?session_id=${random.uuid()}`],
    () => [true, `?session_id=${random.uuid().toUpperCase()}`],
    () => [true, `?session_id=${percentEncoded(random.uuid())}`],
    () => [true, `?a=b&session_id=${random.uuid()}&c`],
    () => [true, `?${random.text(random.below(40), 'abcXYZ019-._~!$()*,;:@/')}`],
    () => [true, '?'],
    () => [false, '?session_id='],
    () => [false, '?session_id'],
    () => [false, `?session_id=${random.uuid()}&session_id=${random.uuid()}`],
    () => [false, `?session_id=${random.uuid()}%00`],
    () => [false, `?session_id={${random.uuid()}}`],
    () => [false, `?session_id=${random.uuid().replaceAll('-', '')}`],
    () => [false, `?session_id=${random.text(random.between(1, 300), 'abcXYZ019-._~!$()*,;:@/%+')}`],
    () => [false, `?session_id=${'%F0%9F%98%80'.repeat(random.between(1, 30))}`],
    () => [false, `?session_id=%${random.text(2, 'ghFE80')}`],
  ])();
  draft.target += query;
  if (!good) draft.refusals.add(400);
}

function twistPath(random: Random, draft: Draft): void {
  const query = draft.target.indexOf('?');
  const path = random.pick([
    '/',
    '/ws',
    '/ws/chat/x',
    '//ws/chat/',
    '/WS/CHAT/',
    '/ws/chat//',
    '/ws/%63hat/',
    `/${random.text(random.below(60), 'abcXYZ019-._~!$()*,;:@/')}`,
    WEBSOCKET_PATH.slice(0, -1),
  ]);
  draft.target = path + (query === -1 ? '' : draft.target.slice(query));
  if (path === WEBSOCKET_PATH || `${path}/` === WEBSOCKET_PATH) draft.refusals.delete(404);
  else draft.refusals.add(404);
}

function twistKey(random: Random, draft: Draft): void {
  const key = random.pick([
    undefined,
    '',
    random.bytes(15).toString('base64'),
    random.bytes(17).toString('base64'),
    random.text(24, VALUE_LETTERS).trim(),
    `${random.text(22, 'abcXYZ019+/')}=-`,
    random.text(random.between(25, 2000), 'abcXYZ019+/'),
  ]);
  replace(draft, 'Sec-WebSocket-Key', key);
  draft.refusals.add(400);
}

function twistVersion(random: Random, draft: Draft): void {
  replace(
    draft,
    'Sec-WebSocket-Version',
    random.pick([undefined, '', '8', '12', '14', '013', '13, 8', '1e1', '-13', random.text(5, VALUE_LETTERS).trim()]),
  );
  draft.refusals.add(400);
}

function twistOrigin(random: Random, draft: Draft, { origins }: HandshakeTarget): void {
  if (has(draft, 'Origin')) return;
  const good = origins !== undefined && random.chance(0.4);
  const origin = good
    ? random.pick(origins)
    : random.pick([
        'null',
        '',
        'https://evil.example',
        'https://app.example.com.evil.example',
        'http://app.example.com',
        'https://xexample.org',
        'https://example.org',
        'file://',
        `https://${random.text(random.between(1, 300), 'abc.-:/@')}`,
      ]);
  draft.headers.push(['Origin', origin]);
  if (origins !== undefined && !good) draft.refusals.add(403);
}

function twistForwarded(random: Random, draft: Draft): void {
  const address = (): string =>
    random.pick([
      () => `192.0.2.${random.below(256)}`,
      () => `2001:db8::${random.below(65_536).toString(16)}`,
      () => '127.0.0.1',
      () => '::ffff:198.51.100.7',
      () => 'unknown',
      () => '_hidden',
      () => `[2001:db8::1]:${random.below(99_999)}`,
      () => '999.1.1.1',
      () => random.text(random.below(80), VALUE_LETTERS),
      () => '',
    ])();
  draft.headers.push([
    'X-Forwarded-For',
    Array.from({ length: random.between(1, 6) }, address).join(random.pick([', ', ',', ' ,'])),
  ]);
}

function twistRequestId(random: Random, draft: Draft): void {
  draft.headers.push([
    'X-Request-Id',
    random.pick([
      random.uuid(),
      '',
      'x'.repeat(65),
      '"},{"level":"CRITICAL"',
      random.text(random.below(90), VALUE_LETTERS),
    ]),
  ]);
}

function twistMethod(random: Random, draft: Draft): void {
  draft.method = random.pick(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']);
  draft.refusals.add(405);
}

function twistProtocol(random: Random, draft: Draft): void {
  if (has(draft, 'Sec-WebSocket-Protocol')) return;
  const [good, value] = random.pick<readonly [boolean, string]>([
    [true, 'chat'],
    [true, 'chat, superchat,v1.x'],
    [false, 'chat, chat'],
    [false, 'chat,,x'],
    [false, ','],
    [false, 'a b'],
    [false, 'é'],
  ]);
  draft.headers.push(['Sec-WebSocket-Protocol', value]);
  if (!good) draft.refusals.add(400);
}

function twistExtensions(random: Random, draft: Draft, { deflate }: HandshakeTarget): void {
  if (has(draft, 'Sec-WebSocket-Extensions')) return;
  const [good, value] = random.pick<readonly [boolean, string]>([
    [true, 'permessage-deflate'],
    [true, 'permessage-deflate; client_max_window_bits; server_no_context_takeover'],
    [true, 'x-unknown; a=b; c="d", permessage-deflate; client_max_window_bits=10'],
    [true, 'permessage-deflate; server_max_window_bits=15'],
    [false, 'permessage-deflate; server_max_window_bits=99'],
    [false, 'permessage-deflate; nonsense'],
    [false, ';'],
    [false, 'permessage-deflate; a="unclosed'],
    [false, 'permessage-deflate; client_max_window_bits; client_max_window_bits'],
    [false, random.text(random.between(1, 200), ';,="')],
  ]);
  draft.headers.push(['Sec-WebSocket-Extensions', value]);
  // Without permessage-deflate the header is not looked at: RFC 6455 lets a server ignore what it does not know.
  if (!good && deflate) draft.refusals.add(400);
}

function twistUpgrade(random: Random, draft: Draft): void {
  if (random.chance(0.5))
    replace(draft, 'Upgrade', random.pick([undefined, '', 'h2c', 'websocket/13', 'web socket', 'TLS/1.0, HTTP/1.1']));
  else replace(draft, 'Connection', random.pick([undefined, '', 'keep-alive', 'close', 'Upgrad']));
  draft.odd = true;
}

function twistSize(random: Random, draft: Draft): void {
  if (random.chance(0.5)) draft.headers.push(['Cookie', 'c'.repeat(random.pick([4000, 16_000, 17_000, 70_000]))]);
  else for (let left = random.pick([50, 500, 3000]); left > 0; left -= 1) draft.headers.push(anyHeader(random));
  draft.odd = true;
}

function twistBody(random: Random, draft: Draft): void {
  draft.body = random.text(random.below(300), TARGET_LETTERS);
  const header = random.pick<Header>([
    ['Content-Length', String(draft.body.length)],
    ['Content-Length', random.pick(['-1', '0x10', '99999999999999999999', '5, 5', String(draft.body.length + 10)])],
    ['Transfer-Encoding', random.pick(['chunked', 'gzip, chunked', 'identity', 'xchunked'])],
    ['Expect', random.pick(['100-continue', 'nonsense'])],
  ]);
  draft.headers.push(header);
  draft.odd = true;
}

function twistSyntax(random: Random, draft: Draft): void {
  random.pick<() => void>([
    () => (draft.version = random.pick(['HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/1.', 'HTTP', '', 'http/1.1'])),
    () => (draft.eol = random.pick(['\n', '\r', '\r\n\r\n', '\n\r'])),
    () => (draft.method = random.pick(['get', 'G', 'GETT', 'CONNECT', 'PRI', '', random.text(20, NAME_LETTERS)])),
    () =>
      (draft.target = random.pick([
        '*',
        'http://localhost/ws/chat/',
        'localhost:80',
        '',
        '/ws/chat/#x',
        `/${'a'.repeat(20_000)}`,
        '/ws/chat/\u00ff',
      ])),
    () => draft.headers.push(['Bad Name', 'x'], ['', 'x'], ['X\u0000', 'x']),
    () => draft.headers.push(['X-Folded', 'a\r\n b']),
    () => draft.headers.push(['Host', 'other']),
    () => void draft.headers.push(random.pick(draft.headers)),
    () => (draft.headers = draft.headers.filter(() => random.chance(0.7))),
  ])();
  draft.odd = true;
}

function anyHeader(random: Random): Header {
  return [`X-${random.text(random.between(1, 20), NAME_LETTERS)}`, random.text(random.below(60), VALUE_LETTERS)];
}

function replace(draft: Draft, name: string, value: string | undefined): void {
  draft.headers = draft.headers.flatMap((header) =>
    header[0] !== name ? [header] : value === undefined ? [] : [[name, value] as const],
  );
}

function has(draft: Draft, name: string): boolean {
  return draft.headers.some((header) => header[0] === name);
}

function percentEncoded(text: string): string {
  return Array.from(text, (letter) => `%${letter.charCodeAt(0).toString(16)}`).join('');
}

function serialize({ method, target, version, headers, eol, body }: Omit<Draft, 'refusals' | 'odd'>): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  return Buffer.from([`${method} ${target} ${version}`, ...lines, '', body].join(eol), 'latin1');
}
