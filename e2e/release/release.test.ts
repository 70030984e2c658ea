import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { kubectlJson } from '../support/commands.ts';
import { figure } from '../support/figures.ts';
import { Publisher } from '../support/publisher.ts';
import { REDIS_ALONE } from '../support/release-redis.ts';
import type { ChartSource, Values } from '../support/release.ts';
import { prove } from '../support/session-proof.ts';
import { SessionStage } from '../support/session-stage.ts';
import { secondsSince } from '../support/wait.ts';

const SHAPE = { sockets: 400, sendRate: 1 };

describe('two versions, published to a registry', () => {
  let publisher: Publisher;
  const versions: string[] = [];

  before(async () => {
    publisher = await Publisher.create();
    for (const [name, version] of await publisher.toolVersions()) figure(name, version);
  });
  after(() => {
    publisher.remove();
  });

  test('the version of the tree is published, and verified as a user would', async () => {
    versions.push(await publishAndVerify(publisher));
  });

  test('it is published once', async () => {
    await refused(publisher, /exists already \(sha256:.*npm version patch/);
  });

  test('a tree with changes is refused', async () => {
    const file = join(publisher.clone, 'left-over.txt');
    writeFileSync(file, '');
    await refused(publisher, /1 change that no commit has, first left-over\.txt; commit or git stash/);
    rmSync(file);
  });

  test('a key that is not the one in the tree is refused', async () => {
    await publisher.makeKey('other');
    await refused(publisher, /cosign\.pub in the tree is not the public key of /, {
      key: join(publisher.folder, 'other.key'),
    });
  });

  test('npm version minor makes the next one, with the same in every place, and it is published', async () => {
    writeFileSync(join(publisher.clone, '.git/config'), '[user]\nname = publisher\nemail = publisher@example.com\n', {
      flag: 'a',
    });
    const changelog = join(publisher.clone, 'CHANGELOG.md');
    const text = await publisher.run('cat', changelog);
    await publisher.write('CHANGELOG.md', text.replace('## [Unreleased]\n', '## [Unreleased]\n\n- Tried.\n'));
    await publisher.run('npm', 'version', 'minor');
    versions.push(await publishAndVerify(publisher));
    assert.notEqual(versions[0], versions[1]);
  });

  test('a registry that answers 401 is named, with how to log in', async () => {
    const registry = createServer((_, response) => {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="registry"' }).end();
    }).listen(0, '127.0.0.1');
    await once(registry, 'listening');
    const { port } = registry.address() as AddressInfo;
    try {
      await refused(publisher, /crane auth login localhost:\d+ /, { registry: `localhost:${port}/x` });
    } finally {
      registry.close();
      registry.closeAllConnections();
    }
  });

  test('a file that was changed is not taken for one of the release', async () => {
    const files = publisher.files(versions[0]!);
    appendFileSync(join(files, 'notes.md'), 'More.\n');
    const changed = await publisher.verify(versions[0]!, '--files', files);
    assert.equal(changed.status, 1);
    assert.match(changed.stderr, /^release:verify: notes\.md has another SHA-256 in .*: do not use them\n$/);
    appendFileSync(join(files, 'SHA256SUMS'), `${'0'.repeat(64)}  more\n`);
    const resigned = await publisher.verify(versions[0]!, '--files', files);
    assert.equal(resigned.status, 1);
    assert.match(resigned.stderr, /SHA256SUMS is not signed by whom you trust: do not use it/);
  });

  test('what somebody else signed, or nobody, is not taken for a release', async () => {
    const other = await publisher.verify(versions[0]!, '--key', join(publisher.folder, 'other.pub'));
    assert.equal(other.status, 1);
    assert.match(other.stderr, /is not signed by whom you trust: do not use it/);
    const image = `${publisher.registry}/websocket-message-counter`;
    await publisher.run('crane', 'copy', 'localhost:5000/testbed/nodejs24:nonroot', `${image}:9.9.9`);
    const unsigned = await publisher.verify('9.9.9');
    assert.equal(unsigned.status, 1);
    assert.match(unsigned.stderr, /is not signed by whom you trust: do not use it/);
  });

  const modes: readonly [ChartSource['helm'], string, Values][] = [
    ['helm', 'strict', { store: { type: 'redis' }, stack: REDIS_ALONE }],
    ['helm4', 'token', { store: { type: 'memory' } }],
  ];
  for (const [helm, mode, values] of modes)
    describe(`installed by ${helm} from nothing but the registry, sessions kept by ${mode}`, () => {
      const durability = mode === 'strict' ? { sessionDurability: 'strict' } : {};
      const all = { ...values, config: { finalScrapeWaitSeconds: 0, ...durability } };
      const stage = new SessionStage(`release-${helm}`, all, SHAPE, () => publisher.source(helm, versions[0]!));

      test('it runs the image that was published, by its digest', async () => {
        const { spec } = await kubectlJson<{ spec: { template: { spec: { containers: { image: string }[] } } } }>(
          ...['--namespace', stage.release.namespace, 'get', `deployment/${stage.release.fullName}`],
        );
        const [container] = spec.template.spec.containers;
        assert.ok(container?.image.startsWith(`${publisher.registry}/websocket-message-counter@sha256:`));
      });

      test('it passes helm test', async () => {
        assert.match(await stage.release.test(), /Phase:\s+Succeeded/);
      });

      test('an upgrade to the next version loses no count', async () => {
        await prove(stage.load, mode, `${helm} upgrade`, () =>
          afterOldPods(stage, () => stage.release.upgrade({}, publisher.source(helm, versions[1]!).flags)),
        );
      });

      test('the way back loses none either', async () => {
        await prove(stage.load, mode, `${helm} rollback`, () => afterOldPods(stage, () => stage.release.rollback(1)));
      });

      test('the whole run, added up', () => stage.finish());
    });
});

/** @returns the version */
async function publishAndVerify(publisher: Publisher): Promise<string> {
  const began = performance.now();
  const { status, stdout, stderr } = await publisher.release();
  assert.equal(status, 0, `${stderr}${stdout}`);
  const version = (await publisher.run('node', '--print', "require('./package.json').version")).trim();
  figure(`npm run release, ${version}`, `${secondsSince(began)} s`);
  const verified = performance.now();
  const outcome = await publisher.verify(version, '--files', publisher.files(version));
  assert.equal(outcome.status, 0, `${outcome.stderr}${outcome.stdout}`);
  console.log(outcome.stdout);
  assert.match(outcome.stdout, /^OK: /m);
  figure(`npm run release:verify, ${version}`, `${secondsSince(verified)} s`);
  return version;
}

/** Expects one sentence, and that nothing more is in the registry than before. */
async function refused(
  publisher: Publisher,
  sentence: RegExp,
  { registry, key }: { readonly registry?: string; readonly key?: string } = {},
): Promise<void> {
  const tags = `${publisher.registry}/websocket-message-counter`;
  const before = await publisher.run('crane', 'ls', tags);
  const { status, stderr } = await publisher.release(registry, key);
  assert.equal(status, 1);
  assert.match(stderr, sentence);
  assert.match(stderr, /^release: [^\n]+\n$/);
  assert.equal(await publisher.run('crane', 'ls', tags), before);
}

async function afterOldPods({ release }: SessionStage, work: () => Promise<void>): Promise<void> {
  const old = await release.podNames();
  await work();
  await release.untilGone(old);
}
