/** An alert that tells people that alerts reach them. `helm test` sends one to each receiver, if asked to. */
import { setTimeout as delay } from 'node:timers/promises';

/** One alert, and who has to get it. */
export interface TestAlert {
  readonly alertmanager: URL;
  /** The label by which routes tell alerts apart. */
  readonly severity: string;
  /** Receiver that has to be chosen; the Prometheus Operator puts namespace and name of its object before that. */
  readonly receiver: string;
  /** More labels: those that routes match. */
  readonly labels: Readonly<Record<string, string>>;
}

interface Listed {
  readonly receivers: readonly { readonly name: string }[];
}

/** Time for one answer, in milliseconds. */
const ANSWER_MS = 5000;
/** Time for Alertmanager to list what it took, in milliseconds. */
const LISTED_MS = 5000;
/** Time that the alert fires, in milliseconds: more than a route waits for the first one of a group. */
const FIRING_MS = 900_000;

/**
 * Sends it by the API of Alertmanager (v2), and asks where it goes.
 * @returns what was done, in a few words
 * @throws {Error} if it is not taken, or goes to other receivers alone
 */
export async function sendTestAlert({ alertmanager, severity, receiver, labels }: TestAlert): Promise<string> {
  // A name of its own for each receiver: a critical alert silences the others of its name.
  const alertname = `WebsocketTest${receiver.charAt(0).toUpperCase()}${receiver.slice(1)}`;
  await ask(alertmanager, [], {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify([
      {
        labels: { ...labels, alertname, severity },
        annotations: {
          summary: `Test of the receiver ${receiver}`,
          description: `helm test sent this, since tests.page is set. Nothing is wrong.`,
        },
        endsAt: new Date(Date.now() + FIRING_MS).toISOString(),
      },
    ]),
  });
  const filters = Object.entries({ ...labels, alertname }).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const deadline = Date.now() + LISTED_MS;
  let names: readonly string[] = [];
  while (names.length === 0 && Date.now() < deadline) {
    const listed = (await ask(alertmanager, filters)) as readonly Listed[];
    names = listed.flatMap(({ receivers }) => receivers.map(({ name }) => name));
    if (names.length === 0) await delay(100);
  }
  const chosen = names.find((name) => name === receiver || name.endsWith(`/${receiver}`));
  if (chosen === undefined)
    throw new Error(
      `Alertmanager took it for ${names.join(', ') || 'nobody'}; look at its routes and at alertReceivers. The Prometheus Operator needs up to two minutes for new routes: after a change, run it again`,
    );
  return `${alertname}, ${chosen}`;
}

/** Asks for the alerts that match every filter, or with a request of its own. @returns what was answered, if it is JSON */
async function ask(alertmanager: URL, filters: readonly string[], request: RequestInit = {}): Promise<unknown> {
  const url = new URL(alertmanager);
  url.pathname = `${alertmanager.pathname.replace(/\/$/, '')}/api/v2/alerts`;
  for (const filter of filters) url.searchParams.append('filter', filter);
  const response = await fetch(url, { ...request, signal: AbortSignal.timeout(ANSWER_MS) });
  const text = await response.text();
  if (!response.ok) throw new Error(`Alertmanager answered ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}
