import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { TOOLS } from '../../scripts/tools.ts';
import { startApp } from '../../testkit/app.ts';
import { ServiceProcess } from '../../testkit/process.ts';

describe('Node.js’ own WebSocket', () => {
  it('counts, resumes, and sees bye and 1001', async (t) => {
    const { url, app } = await startApp(t);
    const id = '0b8f1b5e-6f0a-4b2e-8f6e-000000000001';
    const first = new WebSocket(`${url}?session_id=${id}`);
    await once(first, 'open');
    assert.deepEqual(await exchange(first, 'one'), { count: 1 });
    assert.deepEqual(await exchange(first, 'zwei: ü'), { count: 2 });
    first.close(1000);
    await once(first, 'close');
    const second = new WebSocket(`${url}?session_id=${id}`);
    await once(second, 'open');
    assert.deepEqual(await exchange(second, 'three'), { count: 3 });
    const said = received(second);
    const closed = once(second, 'close') as Promise<[CloseEvent]>;
    await app.drain('test');
    const bye = (await said) as Record<string, unknown>;
    assert.deepEqual([bye['bye'], bye['total'], bye['session_id']], [true, 3, id]);
    const [{ code, wasClean }] = await closed;
    assert.deepEqual([code, wasClean], [1001, true]);
  });

  it('sees 1003 for binary data', async (t) => {
    const { url } = await startApp(t);
    const socket = new WebSocket(url);
    await once(socket, 'open');
    socket.send(new Uint8Array([1, 2, 3]));
    const [{ code }] = (await once(socket, 'close')) as [CloseEvent];
    assert.equal(code, 1003);
  });
});

describe('Python’s websockets', () => {
  const python = TOOLS.pythonWebsockets.find();
  it(
    'counts, fragments, pings, resumes, and sees every close code',
    { skip: python === undefined && 'python3 with websockets is missing' },
    async (t) => {
      const service = await ServiceProcess.start(t, {
        MAX_MESSAGE_BYTES: '1000',
        HEARTBEAT_INTERVAL_SECONDS: '1',
        // So slow that a client which is slow itself is too fast all the same.
        MESSAGE_RATE: '1',
        MESSAGE_BURST: '20',
      });
      const script = new URL('support/websockets_client.py', import.meta.url).pathname;
      const child = spawn(python ?? '', [script, service.url, service.origin], { stdio: ['ignore', 'pipe', 'pipe'] });
      let errors = '';
      child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
      const closed = once(child, 'close') as Promise<[number]>;
      const [first] = (await Promise.race([once(child.stdout, 'data'), closed])) as [Buffer | number];
      assert.equal(first.toString().trim(), 'ready for the drain', errors);
      service.signal('SIGTERM');
      const [status] = await closed;
      assert.equal(status, 0, errors);
      assert.equal((await service.exited).status, 0);
    },
  );
});

interface CloseEvent {
  readonly code: number;
  readonly wasClean: boolean;
}

async function exchange(socket: WebSocket, text: string): Promise<unknown> {
  const reply = received(socket);
  socket.send(text);
  return reply;
}

/** The next message that is no heartbeat: the first one may come at any time. */
function received(socket: WebSocket): Promise<unknown> {
  return new Promise((resolve) => {
    const onMessage = ({ data }: { data: unknown }): void => {
      const message = JSON.parse(String(data)) as object;
      if ('ts' in message) return;
      socket.removeEventListener('message', onMessage);
      resolve(message);
    };
    socket.addEventListener('message', onMessage);
  });
}
