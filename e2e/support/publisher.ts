import { appendFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, TESTBED_SCRIPTS, TOOL_ENV } from '../../scripts/chart/tools.ts';
import { run, runWell, type Outcome } from './commands.ts';
import type { ChartSource } from './release.ts';
import { buildahEnvironment } from './testbed.ts';

const HOST = 'localhost:5000';
/** Longest that a release may take, in seconds. */
const PATIENCE_SECONDS = 300;

/** Somebody who publishes: a clone of the last commit with a key of its own, and a path in the test bed's registry. */
export class Publisher {
  /** Where it publishes; never used before. */
  readonly registry = `${HOST}/e2e-${Date.now()}`;
  readonly folder = mkdtempSync(join(tmpdir(), 'publisher-'));
  readonly clone = join(this.folder, 'clone');
  readonly key = join(this.folder, 'cosign.key');
  readonly #env: NodeJS.ProcessEnv;

  private constructor() {
    this.#env = { ...TOOL_ENV, ...buildahEnvironment(this.folder), COSIGN_PASSWORD: 'the password' };
  }

  static async create(): Promise<Publisher> {
    const publisher = new Publisher();
    await runWell(join(TESTBED_SCRIPTS, 'build'), ['syft', 'cosign', 'helm4'], { timeoutSeconds: 1000 });
    await runWell(join(TESTBED_SCRIPTS, 'image'), ['base-index'], { timeoutSeconds: PATIENCE_SECONDS });
    await runWell('git', ['clone', '--quiet', ROOT, publisher.clone]);
    symlinkSync(join(ROOT, 'node_modules'), join(publisher.clone, 'node_modules'));
    appendFileSync(join(publisher.clone, '.git/info/exclude'), 'node_modules\n');
    // A version is published once nothing is unreleased.
    const changelog = join(publisher.clone, 'CHANGELOG.md');
    const text = readFileSync(changelog, 'utf8');
    writeFileSync(changelog, text.replace(/(## \[Unreleased\]\n)[^]*?(?=\n## )/, '$1'));
    await publisher.makeKey('cosign');
    await publisher.write('cosign.pub', await publisher.run('cosign', 'public-key', '--key', publisher.key));
    return publisher;
  }

  /** Makes `NAME.key` and `NAME.pub` in its folder. */
  async makeKey(name: string): Promise<void> {
    const args = ['generate-key-pair', '--output-key-prefix', name];
    await runWell('cosign', args, { cwd: this.folder, env: this.#env });
  }

  /** Writes a file of the clone, and commits it. */
  async write(file: string, text: string): Promise<void> {
    writeFileSync(join(this.clone, file), text);
    await this.run('git', 'add', '--all');
    const who = ['-c', 'user.name=publisher', '-c', 'user.email=publisher@example.com'];
    await this.run('git', ...who, 'commit', '--quiet', '--message', file);
  }

  /** Runs a program in the clone, which must succeed. */
  run(tool: string, ...args: string[]): Promise<string> {
    return runWell(tool, args, { cwd: this.clone, env: this.#env, timeoutSeconds: PATIENCE_SECONDS });
  }

  /** Runs `npm run release`. */
  release(registry = this.registry, key = this.key): Promise<Outcome> {
    const base = `${HOST}/testbed/nodejs24:nonroot`;
    return this.#npm('release', '--registry', registry, '--sign-key', key, '--base', base);
  }

  /** Runs `npm run release:verify`. */
  verify(version: string, ...flags: string[]): Promise<Outcome> {
    return this.#npm('release:verify', this.registry, version, ...flags);
  }

  /** What this is tried with, for the table. */
  async toolVersions(): Promise<readonly (readonly [name: string, version: string])[]> {
    const server = JSON.parse(await this.run('kubectl', 'version', '--output=json')) as {
      serverVersion: { gitVersion: string };
    };
    const cosign = JSON.parse(await this.run('cosign', 'version', '--json')) as { gitVersion: string };
    const syft = JSON.parse(await this.run('syft', 'version', '--output=json')) as { version: string };
    const helm = (tool: string): Promise<string> => this.run(tool, 'version', '--template={{.Version}}');
    return [
      ['Kubernetes', server.serverVersion.gitVersion],
      ['Helm 3', await helm('helm')],
      ['Helm 4', await helm('helm4')],
      ['cosign', cosign.gitVersion],
      ['syft', `v${syft.version}`],
    ];
  }

  /** Folder with the files of a release. */
  files(version: string): string {
    return join(this.clone, '.cache/release', version);
  }

  /** The published chart. */
  source(helm: ChartSource['helm'], version: string): ChartSource {
    const chart = `oci://${this.registry}/charts/websocket-message-counter`;
    return { helm, chart, flags: ['--version', version, '--plain-http'] };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #npm(script: string, ...args: string[]): Promise<Outcome> {
    const options = { cwd: this.clone, env: this.#env, timeoutSeconds: PATIENCE_SECONDS };
    return run('npm', ['run', '--silent', script, '--', ...args], options);
  }
}
