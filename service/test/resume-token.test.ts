import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { ResumeTokens, TOKEN_FAULTS, type TokenFault } from '../src/sessions/resume-token.ts';
import type { SessionId } from '../src/sessions/session-store.ts';
import { startApp, type RunningApp } from '../../testkit/app.ts';
import { Client, type Bye } from '../../testkit/client.ts';
import { ask, handshake } from '../../testkit/raw-client.ts';

const KEY = 'a key for tests that is long enough, and no more';
const OLD_KEY = 'a key for tests that was used before the other one';
const ID = '0b6f3e52-9d3c-4d0c-8f0e-4a57cf1d2f10' as SessionId;
const OTHER = '0b6f3e52-9d3c-4d0c-8f0e-4a57cf1d2f11' as SessionId;

describe('A resume token', () => {
  it('gives back the count it was made with, up to the largest a number holds', () => {
    const tokens = createTokens();
    for (const count of [0, 1, 4_294_967_296, Number.MAX_SAFE_INTEGER])
      assert.equal(tokens.verify(tokens.sign(ID, count), ID), count);
  });

  it('is forged when any of its bits is changed', () => {
    const tokens = createTokens();
    const bytes = Buffer.from(tokens.sign(ID, 7), 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      assert.equal(tokens.verify(changed.toString('base64url'), ID), 'forged', `bit ${bit}`);
    }
  });

  it('is forged when it is no token at all', () => {
    for (const token of ['', 'x', 'A'.repeat(87), 'é'.repeat(50), 'A'.repeat(10_000)])
      assert.equal(createTokens().verify(token, ID), 'forged');
  });

  it('is foreign to another session, and to none', () => {
    const tokens = createTokens();
    assert.equal(tokens.verify(tokens.sign(ID, 7), OTHER), 'foreign');
    assert.equal(tokens.verify(tokens.sign(ID, 7), undefined), 'foreign');
  });

  it('expires', () => {
    let now = 1_700_000_000_000;
    const tokens = createTokens(() => now);
    const token = tokens.sign(ID, 7);
    now += 60_000;
    assert.equal(tokens.verify(token, ID), 7);
    now += 1001;
    assert.equal(tokens.verify(token, ID), 'expired');
  });

  it('of any accepted key is taken; of another key it is forged', () => {
    const token = new ResumeTokens({ keys: { signing: OLD_KEY, accepted: [OLD_KEY] }, ttlSeconds: 60 }).sign(ID, 7);
    const both = new ResumeTokens({ keys: { signing: KEY, accepted: [KEY, OLD_KEY] }, ttlSeconds: 60 });
    assert.equal(both.verify(token, ID), 7);
    assert.equal(createTokens().verify(token, ID), 'forged');
  });
});

describe('Hand-over without a store', () => {
  it('goes on from the count of the bye on another instance', async (t) => {
    const [first, second] = [
      await startApp(t, { RESUME_TOKEN_KEY: KEY }),
      await startApp(t, { RESUME_TOKEN_KEY: KEY }),
    ];
    const bye = await countAndDrain(first, ID, 3);
    assert.equal(bye.total, 3);
    const client = await Client.open(`${second.url}?session_id=${ID}&resume=${bye.resume}`);
    assert.equal(await client.count(), 4);
    const metrics = await second.scrape();
    assert.equal(metrics.value('websocket_resume_tokens_total{result="accepted"}'), 1);
    assert.equal(metrics.value('websocket_sessions_resumed_total'), 1);
  });

  it('puts no token into a bye when no key is set', async (t) => {
    const bye = await countAndDrain(await startApp(t), ID, 1);
    assert.ok(!('resume' in bye));
  });

  it('refuses a token with its reason, and counts it; without it the client is let in', async (t) => {
    const app = await startApp(t, { RESUME_TOKEN_KEY: KEY });
    const tokens = createTokens();
    const expired = createTokens(() => Date.now() - 62_000).sign(ID, 1);
    await refused(app, 'forged', `session_id=${ID}&resume=forged`);
    await refused(app, 'expired', `session_id=${ID}&resume=${expired}`);
    await refused(app, 'foreign', `session_id=${OTHER}&resume=${tokens.sign(ID, 1)}`);
    await refused(app, 'foreign', `resume=${tokens.sign(ID, 1)}`);
    assert.equal(await (await Client.open(`${app.url}?session_id=${ID}`)).count(), 1);
    assert.equal((await app.scrape()).value('websocket_handshakes_rejected_total{reason="resume_token"}'), 4);
    await refused(await startApp(t), 'unconfigured', `session_id=${ID}&resume=${tokens.sign(ID, 1)}`);
  });

  it('never sets a count back: an older token is refused while the session is held, and after', async (t) => {
    const app = await startApp(t, { RESUME_TOKEN_KEY: KEY });
    const token = createTokens().sign(ID, 5);
    const client = await Client.open(`${app.url}?session_id=${ID}&resume=${token}`);
    assert.equal(await client.count(), 6);
    await refused(app, 'older', `session_id=${ID}&resume=${token}`);
    assert.equal(await client.count(), 7);
    await client.close();
    while (app.app.connections.size > 0) await new Promise(setImmediate);
    await refused(app, 'older', `session_id=${ID}&resume=${token}`);
    assert.equal(await (await Client.open(`${app.url}?session_id=${ID}`)).count(), 8);
  });

  it('lifts a session that the instance knows at a lower count', async (t) => {
    const app = await startApp(t, { RESUME_TOKEN_KEY: KEY });
    const known = await Client.open(`${app.url}?session_id=${ID}`);
    assert.equal(await known.count(), 1);
    const resumed = await Client.open(`${app.url}?session_id=${ID}&resume=${createTokens().sign(ID, 10)}`);
    assert.equal(await resumed.count(), 11);
    assert.equal(await known.count(), 12);
  });

  it('follows a client through many instances without losing one count', async (t) => {
    const id = randomUUID() as SessionId;
    let resume = '';
    for (let instance = 0; instance < 5; instance += 1) {
      const app = await startApp(t, { RESUME_TOKEN_KEY: KEY });
      const client = await Client.open(`${app.url}?session_id=${id}${resume}`);
      assert.equal(await client.count(), instance + 1);
      void app.app.drain('test');
      resume = `&resume=${(await client.bye()).resume}`;
    }
  });
});

function createTokens(now: () => number = Date.now): ResumeTokens {
  return new ResumeTokens({ keys: { signing: KEY, accepted: [KEY] }, ttlSeconds: 60, now });
}

async function countAndDrain({ app, url }: RunningApp, id: SessionId, messages: number): Promise<Bye> {
  const client = await Client.open(`${url}?session_id=${id}`);
  for (let sent = 0; sent < messages; sent += 1) await client.count();
  void app.drain('test');
  return client.bye();
}

async function refused({ port, scrape }: RunningApp, fault: TokenFault, query: string): Promise<void> {
  const before = (await scrape()).value(`websocket_resume_tokens_total{result="${fault}"}`);
  const answer = await ask(port, handshake({ path: `/ws/chat/?${query}` }));
  assert.equal(answer.status, 403);
  assert.equal(answer.body['error'], 'resume_token');
  assert.ok(String(answer.body['message']).includes(TOKEN_FAULTS[fault]), String(answer.body['message']));
  assert.equal((await scrape()).value(`websocket_resume_tokens_total{result="${fault}"}`), before + 1);
}
