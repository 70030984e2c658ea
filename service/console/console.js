// @ts-check
/**
 * The console page: one session by the client of client/, with what happens to it.
 * @import { ClientEvents } from './client.js'
 */
import { CounterClient } from './client.js';

const READINESS_EVERY_MS = 2000;
const EVENTS_SHOWN = 200;

let client = start();

element('connect').addEventListener('click', () => {
  if (client.state === 'stopped') client = start(client);
});
element('disconnect').addEventListener('click', () => client.close());
element('new-session').addEventListener('click', () => {
  client.close();
  show('count', '0');
  client = start();
});
element('send').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = /** @type {HTMLInputElement} */ (element('text')).value;
  client.send(text).catch((error) => note('no count', error.message));
});
void watchReadiness();

/** @param {{ sessionId?: string, resumeToken?: string | undefined }} [session] to go on with; otherwise a new one */
function start({ sessionId, resumeToken } = {}) {
  const heartbeatMs = Number(document.documentElement.dataset['heartbeatMs']);
  const started = new CounterClient('ws/chat/', { sessionId, resumeToken, heartbeatMs });
  show('session', started.sessionId);
  show('state', started.state);
  let closeCode = 0;
  /**
   * What a client says that another has taken the place of is not shown.
   * @template {keyof ClientEvents} E @param {E} type @param {(detail: ClientEvents[E]) => void} listener
   */
  const on = (type, listener) =>
    started.addEventListener(type, ({ detail }) => {
      if (client === started) listener(detail);
    });
  on('connecting', () => show('state', 'connecting'));
  on('open', ({ sessionId }) => {
    show('state', 'open');
    note('open', sessionId);
  });
  on('count', (detail) => {
    show('count', String(detail.count));
    note('count', JSON.stringify(detail));
  });
  on('heartbeat', ({ ts }) => show('heartbeat', ts));
  on('leaving', (bye) => {
    show('state', 'leaving');
    if (bye.bye) note('bye', JSON.stringify(bye));
  });
  on('close', ({ code, reason }) => {
    closeCode = code;
    note('close', `${code} ${reason}`);
  });
  on('refused', (refusal) => note('refused', JSON.stringify(refusal)));
  on('waiting', ({ ms }) => show('state', `waiting ${ms} ms to resume`));
  on('stopped', (why) => show('state', why.reason === 'refused' ? `refused: ${why.message}` : `closed (${closeCode})`));
  return started;
}

async function watchReadiness() {
  for (;;) {
    try {
      const answer = await fetch('readyz/', { cache: 'no-store' });
      const { status } = await answer.json();
      show('readiness', `${status} (${answer.status})`);
    } catch {
      show('readiness', 'no answer');
    }
    await new Promise((resolve) => setTimeout(resolve, READINESS_EVERY_MS));
  }
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
