// @ts-check
/**
 * The console page: a good client in plain JavaScript. It keeps its session over reconnects, waits as long as a bye asks it to,
 * and backs off with full jitter where nobody tells it how long.
 */

/** Longest wait before a reconnect that the server did not time, in milliseconds. */
const MAX_BACKOFF_MS = 10_000;
const READINESS_EVERY_MS = 2000;
const EVENTS_SHOWN = 200;
/** Connects with a token that may fail though the service is ready, before it is given up. */
const MAX_RESUME_DOUBTS = 3;

/** @type {WebSocket | undefined} */
let socket;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let reconnect;
/** Whether the person wants to be connected. */
let wanted = true;
let failures = 0;
let session = newSessionId();
/** @type {number | undefined} */
let retryAfterMs;
/** What the last bye handed over: good until a count was told on another connection. @type {string | undefined} */
let resume;
/** Connects with it that failed though the service was ready: a page can't see whether it was refused. */
let resumeDoubts = 0;

element('connect').addEventListener('click', () => {
  wanted = true;
  connect();
});
element('disconnect').addEventListener('click', () => {
  wanted = false;
  clearTimeout(reconnect);
  if (socket !== undefined) socket.close(1000);
  else show('state', 'closed');
});
element('new-session').addEventListener('click', () => {
  session = newSessionId();
  resume = undefined;
  show('count', '0');
  wanted = true;
  if (socket === undefined) connect();
  else socket.close(1000);
});
element('send').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = /** @type {HTMLInputElement} */ (element('text')).value;
  if (socket?.readyState === WebSocket.OPEN) socket.send(text);
  else note('not sent', 'There is no open connection.');
});

connect();
void watchReadiness();

function connect() {
  clearTimeout(reconnect);
  if (socket !== undefined) return;
  retryAfterMs = undefined;
  show('session', session);
  show('state', 'connecting');
  const address = new URL('ws/chat/', location.href);
  address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  address.search = new URLSearchParams({ session_id: session, ...(resume !== undefined && { resume }) }).toString();
  let opened = false;
  socket = new WebSocket(address);
  socket.addEventListener('open', () => {
    opened = true;
    failures = 0;
    show('state', 'open');
    note('open', address.href);
  });
  socket.addEventListener('message', (event) => {
    receive(String(event.data));
  });
  socket.addEventListener('close', (event) => {
    socket = undefined;
    note('close', `${event.code} ${event.reason}`);
    if (!opened && resume !== undefined) void doubtResume();
    if (wanted) comeBack(event.reason);
    else show('state', `closed (${event.code})`);
  });
}

/** @param {string} data */
function receive(data) {
  const message = JSON.parse(data);
  if ('count' in message) {
    resume = undefined;
    show('count', String(message.count));
    note('count', data);
  } else if ('ts' in message) {
    show('heartbeat', message.ts);
  } else if ('bye' in message) {
    show('count', String(message.total));
    session = message.session_id;
    retryAfterMs = message.retry_after_ms;
    resume = message.resume;
    resumeDoubts = 0;
    note('bye', data);
  }
}

/**
 * Connects again after the delay that the server asked for, or else after one of our own: full jitter, doubling.
 * @param {string} reason the close frame's, which may hold a delay too (1013)
 */
function comeBack(reason) {
  const asked = retryAfterMs ?? /retry_after_ms=(\d+)/.exec(reason)?.[1];
  const delay = asked === undefined ? Math.random() * Math.min(MAX_BACKOFF_MS, 500 * 2 ** failures) : Number(asked);
  failures += 1;
  show('state', `waiting ${Math.round(delay)} ms to resume`);
  reconnect = setTimeout(connect, delay);
}

async function doubtResume() {
  const report = await readiness().catch(() => undefined);
  if (report?.ready !== true) return;
  resumeDoubts += 1;
  if (resumeDoubts >= MAX_RESUME_DOUBTS) resume = undefined;
}

async function watchReadiness() {
  for (;;) {
    try {
      const { status, httpStatus } = await readiness();
      show('readiness', `${status} (${httpStatus})`);
    } catch {
      show('readiness', 'no answer');
    }
    await new Promise((resolve) => setTimeout(resolve, READINESS_EVERY_MS));
  }
}

/** @returns {Promise<{ status: string, ready: boolean, httpStatus: number }>} */
async function readiness() {
  const answer = await fetch('readyz/', { cache: 'no-store' });
  return { ...(await answer.json()), httpStatus: answer.status };
}

/** `crypto.randomUUID` is there in secure contexts alone; this page is also used over plain HTTP. @returns {string} */
function newSessionId() {
  if (isSecureContext) return crypto.randomUUID();
  const hex = [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte, index) => (index === 6 ? (byte & 15) | 64 : index === 8 ? (byte & 63) | 128 : byte))
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** @param {string} kind @param {string} text */
function note(kind, text) {
  const item = document.createElement('li');
  const label = document.createElement('b');
  label.textContent = kind;
  item.dataset['kind'] = kind;
  item.append(new Date().toLocaleTimeString(), ' ', label, ' ', text);
  const events = element('events');
  events.prepend(item);
  while (events.childElementCount > EVENTS_SHOWN) events.lastElementChild?.remove();
}

/** @param {string} id @param {string} text */
function show(id, text) {
  element(id).textContent = text;
}

/** @param {string} id @returns {HTMLElement} */
function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no element #${id}`);
  return found;
}
