import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cleanup } from '../../../testkit/redis.ts';

/** A certificate and its key: paths of PEM files. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority of one test, by openssl. */
export class Authority {
  readonly #folder: string;
  readonly #own: Identity;
  #issued = 0;

  constructor(t: Cleanup) {
    this.#folder = mkdtempSync(join(tmpdir(), 'wmc-authority-'));
    t.after(() => {
      rmSync(this.#folder, { recursive: true });
    });
    this.#own = this.#request('an authority', []);
  }

  /** Path of its certificate. */
  get certificate(): string {
    return this.#own.certificate;
  }

  /** A certificate for this machine, for servers and clients. */
  issue(): Identity {
    const { certificate, key } = this.#own;
    return this.#request('localhost', [
      ...['-CA', certificate, '-CAkey', key],
      ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE'],
    ]);
  }

  #request(name: string, more: readonly string[]): Identity {
    this.#issued += 1;
    const [certificate, key] = ['certificate', 'key'].map((part) => join(this.#folder, `${part}-${this.#issued}`));
    const files = ['-out', certificate as string, '-keyout', key as string];
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    execFileSync('openssl', ['req', ...kind, '-subj', `/CN=${name}`, ...files, ...more], { stdio: 'pipe' });
    return { certificate: certificate as string, key: key as string };
  }
}

/** The text of a file. */
export function textOf(path: string): string {
  return readFileSync(path, 'utf8');
}
