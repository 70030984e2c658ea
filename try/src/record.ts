import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PlatformName } from './platforms.ts';

/** What a trial made, for `--down`. */
export interface TrialRecord {
  readonly on: PlatformName;
  readonly context: string;
  readonly namespace: string;
  readonly registry?: string | undefined;
  /** Whether the trial started the cluster. */
  readonly started: boolean;
}

const CACHE = join(import.meta.dirname, '..', '..', '.cache');
const FOLDER = join(CACHE, 'try');
const FILE = join(FOLDER, 'record.json');
/** Kubeconfig of a cluster that the trial made. */
export const KUBECONFIG = join(FOLDER, 'kubeconfig');
/** What the commands printed; it stays. */
export const LOG = join(CACHE, 'try.log');

/** The trial that was started from this clone, if one is up. */
export function readRecord(): TrialRecord | undefined {
  return existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as TrialRecord) : undefined;
}

/** Written before anything is made, so that what is half made can be removed. */
export function writeRecord(record: TrialRecord): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(FILE, `${JSON.stringify(record)}\n`);
}

export function deleteRecord(): void {
  rmSync(FOLDER, { recursive: true, force: true });
}
