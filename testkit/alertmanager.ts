import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Inbox } from './inbox.ts';
import {
  notificationTemplates,
  plainAlertmanager,
  ROUTING,
  type ReceiverName,
  type Routing,
} from '../alerts/src/alertmanager.ts';
import { startPrometheusProgram } from './prometheus-program.ts';
import { findTool } from './find-tool.ts';

/** A notification, as a webhook receiver gets it (Alertmanager's webhook payload, version 4). */
export interface Notification {
  readonly receiver: string;
  readonly status: 'firing' | 'resolved';
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly alerts: readonly NotifiedAlert[];
}

/** One alert of a notification. */
export interface NotifiedAlert {
  readonly status: 'firing' | 'resolved';
  /** The same for all that is told of one alert. */
  readonly fingerprint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** An Alertmanager with the committed routes, their waits shortened, whose webhooks end in this process. */
export interface RunningAlertmanager {
  /** Tells it that alerts with these labels fire. */
  readonly fire: (...alerts: readonly Readonly<Record<string, string>>[]) => Promise<void>;
  /** Tells it that they have ended. */
  readonly resolve: (...alerts: readonly Readonly<Record<string, string>>[]) => Promise<void>;
  /** Notifications of each receiver. */
  readonly received: Readonly<Record<ReceiverName, Inbox<Notification>>>;
  /** Every notification so far, in order. */
  readonly all: readonly Notification[];
}

export const alertmanager = findTool('alertmanager');

/** Starts an Alertmanager, which ends with the test. */
export async function startAlertmanager(t: TestContext): Promise<RunningAlertmanager> {
  const folder = mkdtempSync(join(tmpdir(), 'alertmanager-'));
  const received = {
    page: new Inbox<Notification>(),
    ticket: new Inbox<Notification>(),
    info: new Inbox<Notification>(),
  };
  const all: Notification[] = [];
  const receivers = await startReceivers(t, (notification) => {
    all.push(notification);
    received[notification.receiver as ReceiverName].put(notification);
  });
  writeConfig(folder, receivers);
  const address = await startPrometheusProgram(t, alertmanager.path, folder, [
    `--config.file=${join(folder, 'alertmanager.yml')}`,
    `--storage.path=${join(folder, 'data')}`,
    '--cluster.listen-address=',
  ]);
  const post = async (alerts: readonly object[]): Promise<void> => {
    const response = await fetch(`http://${address}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(alerts),
    });
    if (!response.ok) throw new Error(`alertmanager refused alerts: ${response.status} ${await response.text()}`);
  };
  return {
    fire: (...alerts) => post(alerts.map((labels) => ({ labels, annotations: { summary: 'It is so.' } }))),
    resolve: (...alerts) => post(alerts.map((labels) => ({ labels, endsAt: new Date().toISOString() }))),
    received,
    all,
  };
}

async function startReceivers(t: TestContext, take: (notification: Notification) => void): Promise<string> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.end();
      if (request.url !== '/slack') take(JSON.parse(Buffer.concat(chunks).toString()) as Notification);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function writeConfig(folder: string, receivers: string): void {
  const secrets = join(folder, 'secrets');
  const templates = join(folder, 'websocket.tmpl');
  mkdirSync(secrets);
  for (const name of ['page', 'ticket', 'info'])
    writeFileSync(join(secrets, `${name}-webhook-url`), `${receivers}/${name}`);
  writeFileSync(join(secrets, 'page-slack-url'), `${receivers}/slack`);
  writeFileSync(templates, notificationTemplates());
  writeFileSync(join(folder, 'alertmanager.yml'), plainAlertmanager(hurried(ROUTING), { secrets, templates }));
}

/** The same routes with waits that a test can wait for. */
function hurried(routing: Routing): Routing {
  const timings = { groupWait: '500ms', groupInterval: '500ms', repeatInterval: '1h' };
  return { ...routing, timings, routes: routing.routes.map((route) => ({ ...route, timings })) };
}
