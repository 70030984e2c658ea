import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocketServer, type WebSocket } from 'ws';
import { check, type Verdict } from '../src/checker.ts';
import { Clients } from '../src/clients.ts';
import { History, readHistory } from '../src/history.ts';

it('A session whose connection ends under its last message sends another one on the next', async (t) => {
  const { violations, sent, told } = await lastMessages(t, (socket, connection) => {
    if (connection === 1) socket.terminate();
    else socket.send('{"count":1}');
  });
  assert.deepEqual(violations, []);
  assert.deepEqual({ sent, told }, { sent: 2, told: 1 });
});

it('A bye that names another session is in the history', async (t) => {
  const { violations } = await lastMessages(t, (socket, connection) => {
    socket.send(`{"count":${connection}}`);
    if (connection === 1) socket.send('{"bye":true,"total":1,"session_id":"other","retry_after_ms":1}');
    if (connection === 1) socket.close(1001);
  });
  assert.deepEqual(
    violations.map(({ kind, detail }) => `${kind}: ${detail}`),
    ['bye: a bye names the session other'],
  );
});

it('A bye without a total is an error where the history is read', async (t) => {
  const history = lastMessages(t, (socket, connection) => {
    socket.send(`{"count":${connection}}`);
    if (connection === 1) socket.send('{"bye":true,"retry_after_ms":1}');
    if (connection === 1) socket.close(1001);
  });
  await assert.rejects(history, /this is no entry of a history: .*"bye","count":null/);
});

it('Every other session sends a message once the last one is answered', async (t) => {
  let received = 0;
  const { clients, history } = await connect(t, 2, () => (received += 1));
  // No message is answered.
  while (received < 5) await delay(5);
  clients.close();
  await history.end();
  const sent = [0, 0];
  for await (const entry of readHistory(history.path))
    if ('client' in entry && entry.kind === 'sent') sent[entry.client] = (sent[entry.client] ?? 0) + 1;
  assert.equal(sent[0], 1);
});

/** Lets one session have its last message answered, on two connections at least. */
async function lastMessages(t: TestContext, answers: Answers): Promise<Verdict> {
  let connections = 0;
  const { clients, history } = await connect(t, 1, (socket, connection) => {
    connections = connection;
    answers(socket, connection);
  });
  clients.quiet();
  clients.expectCounts();
  while (!(clients.haveCounts() && connections > 1)) await delay(5);
  clients.close();
  await history.end();
  return check(readHistory(history.path), 'strict');
}

/** What a server does with a message on one of its connections. */
type Answers = (socket: WebSocket, connection: number) => void;

async function connect(
  t: TestContext,
  count: number,
  answers: Answers,
): Promise<{ clients: Clients; history: History }> {
  const folder = mkdtempSync(join(tmpdir(), 'wmc-clients-'));
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  let connections = 0;
  server.on('connection', (socket) => {
    const connection = (connections += 1);
    socket.on('message', () => {
      answers(socket, connection);
    });
  });
  const history = new History(join(folder, 'history.jsonl'));
  const clients = new Clients(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`, count, history);
  t.after(() => {
    clients.close();
    server.close();
    rmSync(folder, { recursive: true });
  });
  return { clients, history };
}
