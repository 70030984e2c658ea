/**
 * Runs the configurations of docs/proxies.md: each proxy as a process of its own before two instances of the service, with
 * its files in a temporary folder. A run of all proxies is kept in results.json. Exit statuses: 0 if all went well, 1 if
 * not, 2 for a wrong argument or a program that is missing, 128 and the number of a signal that ended it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { onInterrupt } from '../../lib/interrupt.ts';
import { program, USAGE } from '../../lib/program.ts';
import { VERSION } from '../../lib/version.ts';
import { findTool } from '../../testkit/find-tool.ts';
import { makeCertificate } from './certificate.ts';
import { CHECKS, type Setup } from './checks.ts';
import { Instances } from './instances.ts';
import { find, PROXIES, Proxy, versionOf, type ProxyKind } from './proxy.ts';
import { keepResults, type CheckResult, type ProxyResult } from './results.ts';

const kinds = wanted();
const folder = mkdtempSync(join(tmpdir(), 'e2e-proxies-'));
const cleanups: (() => void | Promise<void>)[] = [removeFolder];
onInterrupt((signal) => {
  void cleanUp().finally(() => process.exit(128 + constants.signals[signal]));
});
try {
  process.exitCode = await runAll();
} catch (error) {
  process.stderr.write(`e2e:proxies: ${(error as Error).message}\n`);
  process.exitCode = 1;
} finally {
  await cleanUp();
}

function removeFolder(): void {
  rmSync(folder, { recursive: true, force: true });
}

/** Ends what was started, the last one first. @param kept how many of the first cleanups are left for later */
async function cleanUp(kept = 0): Promise<void> {
  for (const cleanup of cleanups.splice(kept).reverse()) await cleanup();
}

async function runAll(): Promise<number> {
  const certificate = makeCertificate(folder);
  const results: ProxyResult[] = [];
  for (const kind of kinds) {
    const instances = await Instances.start((work) => cleanups.push(work));
    const place = { folder, instances: instances.ports, certificate };
    const proxy = await Proxy.start(kind, place, (work) => cleanups.push(work));
    results.push(await check(kind, { port: proxy.port, ca: certificate.pem, instances, retries503: kind.retries503 }));
    // The folder stays.
    await cleanUp(1);
  }
  const well = results.every(({ checks }) => Object.values(checks).every(({ passed }) => passed));
  if (well && kinds.length === PROXIES.length)
    keepResults({
      ...{ date: new Date().toISOString().slice(0, 10), service: VERSION, node: process.version, proxies: results },
    });
  console.log(well ? 'OK' : 'NOT OK');
  return well ? 0 : 1;
}

async function check(kind: ProxyKind, setup: Setup): Promise<ProxyResult> {
  const version = versionOf(kind);
  const checks: Record<string, CheckResult> = {};
  for (const { name, run } of CHECKS) {
    const result = await attempt(() => run(setup));
    checks[name] = result;
    console.log(`${result.passed ? 'ok    ' : 'FAILED'} ${kind.name} ${version}, ${name}: ${result.detail}`);
  }
  return { name: kind.name, version, checks };
}

async function attempt(run: () => Promise<string>): Promise<CheckResult> {
  try {
    return { passed: true, detail: await run() };
  } catch (error) {
    return { passed: false, detail: (error as Error).message };
  }
}

/** The proxies that were named, or all. Ends the process where a name is none, or a program is missing. */
function wanted(): readonly ProxyKind[] {
  const names = PROXIES.map(({ program: name }) => name);
  const command = program(
    'npm run e2e:proxies --',
    'Runs the proxies of docs/proxies.md before two instances of the service.',
  )
    .argument('[proxies...]', `the proxies to run, of ${names.join(', ')}; all if none is named`)
    .parse();
  const unknown = command.args.filter((name) => !names.includes(name));
  if (unknown.length > 0) command.error(`there is no proxy ${unknown.join(', ')}; there are ${names.join(', ')}`);
  const chosen = PROXIES.filter(({ program: name }) => command.args.length === 0 || command.args.includes(name));
  const packages = chosen.filter((kind) => find(kind) === undefined).map((kind) => kind.package);
  if (findTool('redis-server').skip !== false) packages.push('redis-server');
  if (findTool('openssl').skip !== false) packages.push('openssl');
  if (packages.length > 0) {
    process.stderr.write(`e2e:proxies: ${packages.join(', ')} missing: apt-get install ${packages.join(' ')}\n`);
    process.exit(USAGE);
  }
  return chosen;
}
