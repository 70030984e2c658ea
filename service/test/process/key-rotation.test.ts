import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { ResumeTokens } from '../../src/sessions/resume-token.ts';
import type { SessionId } from '../../src/sessions/session-store.ts';
import { Client } from '../../../testkit/client.ts';
import { ServiceProcess, runToEnd } from '../../../testkit/process.ts';
import { ask, handshake } from '../../../testkit/raw-client.ts';
import { MountedSecret } from '../support/mounted-secret.ts';

const [A, B, C] = ['a', 'b', 'c'].map((letter) => letter.repeat(40)) as [string, string, string];
const KEY = 'resume-token-key';
const PREVIOUS = 'resume-token-previous-key';
const NAMES = [KEY, PREVIOUS] as const;

describe('A key of resume tokens in a mounted Secret', () => {
  it('is changed while the process runs: tokens of the old and the new key resume, of a third none', async (t) => {
    const secret = new MountedSecret(t, NAMES, { [KEY]: A });
    const service = await startWith(t, secret);
    await resumes(service, A);
    await isRefused(service, B);
    secret.replace({ [KEY]: B, [PREVIOUS]: A });
    assert.equal((await service.event('resume_keys_changed'))['signs_in_seconds'], 0);
    await resumes(service, A);
    await resumes(service, B);
    await isRefused(service, C);
    await idleByeIsSignedWith(service, B);
  });

  it('is accepted though it was taken away at once, as by a rotation that keeps no previous one', async (t) => {
    const secret = new MountedSecret(t, NAMES, { [KEY]: A });
    const service = await startWith(t, secret);
    secret.replace({ [KEY]: B });
    await service.event('resume_keys_changed');
    await resumes(service, A);
    await resumes(service, B);
  });

  it('signs after a delay, in which other instances get it', async (t) => {
    const secret = new MountedSecret(t, NAMES, { [KEY]: A });
    const service = await startWith(t, secret, { RESUME_TOKEN_KEY_DELAY_SECONDS: '600' });
    secret.replace({ [KEY]: B });
    assert.equal((await service.event('resume_keys_changed'))['signs_in_seconds'], 600);
    await idleByeIsSignedWith(service, A);
    await resumes(service, B);
  });

  it('stays when what comes after it is no key, which is said once, and is not in the log', async (t) => {
    const secret = new MountedSecret(t, NAMES, { [KEY]: A });
    const service = await startWith(t, secret);
    secret.replace({ [KEY]: 'too short' });
    const { level, detail } = await service.event('resume_keys_failed');
    assert.equal(level, 'ERROR');
    assert.equal(detail, `RESUME_TOKEN_KEY_FILE="${secret.path(KEY)}" holds 9 characters: a key has at least 32`);
    await resumes(service, A);
    secret.replace({});
    assert.match(String((await service.event('resume_keys_failed'))['detail']), /can't be read: ENOENT/);
    secret.replace({ [KEY]: `${B}\n`, [PREVIOUS]: A });
    await service.event('resume_keys_changed');
    await resumes(service, B);
    assert.equal(service.log.filter(({ event }) => event === 'resume_keys_failed').length, 2);
    const text = JSON.stringify(service.log);
    for (const key of [A, B, 'too short']) assert.ok(!text.includes(key));
  });

  it('must be there when the process starts', async (t) => {
    const secret = new MountedSecret(t, NAMES, { [KEY]: '', [PREVIOUS]: A });
    for (const [path, reason] of [
      [secret.path(KEY), / holds 0 characters: a key has at least 32$/m],
      [secret.path('other'), / can't be read: ENOENT/],
      [secret.path(''), / can't be read: EISDIR/],
    ] as const) {
      const { status, stderr } = await runToEnd({ PORT: '0', RESUME_TOKEN_KEY_FILE: path });
      assert.equal(status, 1);
      assert.ok(stderr.startsWith(`RESUME_TOKEN_KEY_FILE=${JSON.stringify(path)}`), stderr);
      assert.match(stderr, reason);
    }
  });
});

function startWith(
  t: TestContext,
  secret: MountedSecret<string>,
  env: Readonly<Record<string, string>> = {},
): Promise<ServiceProcess> {
  return ServiceProcess.start(t, {
    RESUME_TOKEN_KEY_FILE: secret.path(KEY),
    RESUME_TOKEN_PREVIOUS_KEY_FILE: secret.path(PREVIOUS),
    RESUME_TOKEN_KEY_DELAY_SECONDS: '0',
    // A client receives its token with a bye, here for being idle.
    IDLE_TIMEOUT_SECONDS: '0.2',
    ...env,
  });
}

function tokensOf(key: string): ResumeTokens {
  return new ResumeTokens({ keys: { signing: key, accepted: [key] }, ttlSeconds: 600 });
}

async function resumes({ url }: ServiceProcess, key: string): Promise<void> {
  const id = randomUUID() as SessionId;
  const client = await Client.open(`${url}?session_id=${id}&resume=${tokensOf(key).sign(id, 41)}`);
  assert.equal(await client.count(), 42);
}

async function isRefused({ port }: ServiceProcess, key: string): Promise<void> {
  const id = randomUUID() as SessionId;
  const query = `session_id=${id}&resume=${tokensOf(key).sign(id, 41)}`;
  const { status, body } = await ask(port, handshake({ path: `/ws/chat/?${query}` }));
  assert.deepEqual([status, body['error']], [403, 'resume_token']);
  assert.match(String(body['message']), /was not signed with the key of this service/);
}

async function idleByeIsSignedWith({ url }: ServiceProcess, key: string): Promise<void> {
  const client = await Client.open(url);
  await client.count();
  const { session_id, resume = '' } = await client.bye();
  assert.equal(tokensOf(key).verify(resume, session_id as SessionId), 1);
}
