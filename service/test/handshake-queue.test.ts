import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startApp } from '../../testkit/app.ts';
import { Client } from '../../testkit/client.ts';
import { handshake, parseAnswer, RawClient } from '../../testkit/raw-client.ts';
import { HandshakeQueue } from '../src/connections/handshake-queue.ts';

/** A queue whose clock and turns the test makes. */
function createQueue(): {
  queue: HandshakeQueue;
  done: number[];
  arrive: (id: number, takesMs: number) => void;
  turn: () => void;
} {
  let now = 0;
  let next: (() => void) | undefined;
  const done: number[] = [];
  const queue = new HandshakeQueue(
    0.1,
    () => now,
    (work) => (next = work),
  );
  return {
    queue,
    done,
    arrive: (id, takesMs) => {
      queue.run(() => {
        now += takesMs;
        done.push(id);
      });
    },
    turn: () => {
      const work = next;
      next = undefined;
      work?.();
    },
  };
}

describe('Handshakes that arrive in one turn of the event loop', () => {
  it('are handled at once for 10 ms, and the others in later turns, in their order', () => {
    const { done, arrive, turn } = createQueue();
    for (const id of [1, 2, 3, 4, 5]) arrive(id, 6);
    assert.deepEqual(done, [1, 2]);
    turn();
    assert.deepEqual(done, [1, 2, 3, 4]);
    arrive(6, 1);
    assert.deepEqual(done, [1, 2, 3, 4], 'it comes behind those that wait');
    turn();
    assert.deepEqual(done, [1, 2, 3, 4, 5, 6]);
    turn();
    arrive(7, 1);
    assert.deepEqual(done.at(-1), 7);
  });

  it('are late while the first that waits has waited for the maximum', () => {
    const { queue, arrive, turn } = createQueue();
    for (const id of [1, 2, 3]) arrive(id, 101);
    assert.equal(queue.isLate, false);
    turn();
    assert.equal(queue.isLate, true);
    turn();
    assert.equal(queue.isLate, false, 'none waits any more');
  });
});

describe('A storm of handshakes', () => {
  /** Time that each takes of the event loop. */
  const COST_MS = 4;
  const authorize = (): object => {
    const until = performance.now() + COST_MS;
    while (performance.now() < until);
    return {};
  };

  it('does not keep back the messages of open connections', async (t) => {
    const { url, port } = await startApp(t, {}, { authorize });
    const client = await Client.open(url);
    const storm = await accepted(port, 50);
    let opened = 0;
    const opening = storm.map(async (each) => {
      each.socket.write(handshake());
      await each.until((text) => text.startsWith('HTTP/1.1 101'));
      opened += 1;
    });
    assert.equal(await client.count(), 1);
    assert.ok(opened < storm.length / 2, `${opened} of ${storm.length} were handled before`);
    await Promise.all(opening);
  });

  it('is refused with 503 and Retry-After beyond HANDSHAKE_MAX_WAIT_SECONDS, until those that wait are done', async (t) => {
    const { url, port, scrape } = await startApp(t, { HANDSHAKE_MAX_WAIT_SECONDS: '0.02' }, { authorize });
    const [storm, later] = [await accepted(port, 50), await accepted(port, 50)];
    const answers = storm.map(async (each, index) => {
      await answered(each);
      return answered(later[index] as RawClient);
    });
    const refused = (await Promise.all(answers)).filter((text) => !text.startsWith('HTTP/1.1 101'));
    assert.ok(refused.length > 0);
    for (const { status, headers, body } of refused.map(parseAnswer)) {
      assert.deepEqual([status, body['error']], [503, 'busy']);
      assert.ok(Number(headers['retry-after']) >= 1);
      assert.ok(Number(body['retry_after_ms']) >= 100);
    }
    await Client.open(url);
    const metrics = await scrape();
    const counted = metrics.value('websocket_handshakes_rejected_total{reason="busy"}');
    assert.ok(counted >= refused.length, `${counted} counted, ${refused.length} seen`);
  });
});

/** Connections that the service has accepted, of which it takes one in a turn: their next requests can come at once. */
async function accepted(port: number, count: number): Promise<RawClient[]> {
  const clients = Array.from({ length: count }, () => new RawClient(port));
  const waiting = clients.map(async (client) => {
    client.socket.write('GET /healthz/ HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await client.until((text) => text.endsWith('}'));
    client.take(client.text.length);
  });
  await Promise.all(waiting);
  return clients;
}

/** Sends a handshake. @returns the head of the answer, with the body of one that refuses */
async function answered(client: RawClient): Promise<string> {
  client.socket.write(handshake());
  await client.until((text) => /^HTTP\/1\.1 101 [^]*\r\n\r\n|\}\n$/.test(text));
  return client.text;
}
