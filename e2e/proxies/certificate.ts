import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A self-signed certificate for localhost. */
export interface Certificate {
  readonly pem: string;
  readonly path: string;
  readonly keyPath: string;
  /** File with certificate and key, as HAProxy wants them. */
  readonly pairPath: string;
}

/** Makes one in a folder, by openssl. */
export function makeCertificate(folder: string): Certificate {
  const at = (name: string): string => join(folder, name);
  const [path, keyPath, pairPath] = [at('chat.pem'), at('chat.key'), at('pair.pem')];
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  execFileSync('openssl', [...args, ...names, '-keyout', keyPath, '-out', path], { stdio: 'ignore' });
  const pem = readFileSync(path, 'utf8');
  writeFileSync(pairPath, pem + readFileSync(keyPath, 'utf8'));
  return { pem, path, keyPath, pairPath };
}
