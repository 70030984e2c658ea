import { readFileSync, writeFileSync } from 'node:fs';

/** What the last run of all proxies gave. */
export interface Results {
  /** Day of the run. */
  readonly date: string;
  readonly service: string;
  readonly node: string;
  readonly proxies: readonly ProxyResult[];
}

export interface ProxyResult {
  readonly name: string;
  readonly version: string;
  /** By the name of the check. */
  readonly checks: Readonly<Record<string, CheckResult>>;
}

export interface CheckResult {
  readonly passed: boolean;
  /** What was seen, or went wrong. */
  readonly detail: string;
}

const FILE = new URL('results.json', import.meta.url);

export function readResults(): Results {
  return JSON.parse(readFileSync(FILE, 'utf8')) as Results;
}

export function keepResults(results: Results): void {
  writeFileSync(FILE, `${JSON.stringify(results, null, 2)}\n`);
}
