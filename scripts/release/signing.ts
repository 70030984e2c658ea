import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastLine } from '../../lib/last-line.ts';
import { ROOT, run, runWell } from '../chart/tools.ts';
import { ReleaseProblem } from './problem.ts';

/** The public key of whoever releases, kept in the tree: it is never taken from the registry that it is to vouch for. */
export const PUBLIC_KEY = join(ROOT, 'cosign.pub');
/** Who names the workflow of a keyless signature. */
const GITHUB_ISSUER = 'https://token.actions.githubusercontent.com';
/** Type of the attestations with an SBOM. */
const SBOM_TYPE = 'spdxjson';

/** Signs what is in a registry by cosign, offline with a local key or keyless in a GitHub workflow. */
export class Signer {
  readonly #flags: readonly string[];

  /**
   * @param folder for the files that keep cosign off the network
   * @param key path of a private key; none signs keyless, with Sigstore's services
   */
  constructor(folder: string, key: string | undefined) {
    this.#flags = key === undefined ? ['--yes'] : ['--yes', '--key', key, ...offline(folder)];
  }

  /** Whether this process can sign without a key: a GitHub workflow with `id-token: write`. */
  static canBeKeyless(): boolean {
    return process.env['ACTIONS_ID_TOKEN_REQUEST_URL'] !== undefined;
  }

  /** Signs an image or a chart by its digest; an index with all that is in it. */
  sign(reference: string): void {
    runWell('cosign', ['sign', '--recursive', ...this.#flags, reference]);
  }

  /** Attests that `sbom` (SPDX) is what `reference` is made of. */
  attest(reference: string, sbom: string): void {
    runWell('cosign', ['attest', '--type', SBOM_TYPE, '--predicate', sbom, ...this.#flags, reference]);
  }

  /** Signs a file. @param bundle where the signature goes */
  signFile(file: string, bundle: string): void {
    runWell('cosign', ['sign-blob', ...this.#flags, '--bundle', bundle, file]);
  }
}

/**
 * Checks that a private key belongs to the public key in the tree.
 * @throws {ReleaseProblem} if it does not, or can't be used
 */
export function checkKey(key: string): void {
  if (!existsSync(key))
    throw new ReleaseProblem(
      `there is no key ${key}; cosign generate-key-pair makes one, cosign.pub goes into the tree`,
    );
  if (process.env['COSIGN_PASSWORD'] === undefined)
    throw new ReleaseProblem(`COSIGN_PASSWORD is not set: the password of ${key}, empty if it has none`);
  const { status, stdout, stderr } = run('cosign', ['public-key', '--key', key]);
  if (status !== 0) {
    const next = stderr.includes('decrypt')
      ? 'is COSIGN_PASSWORD its password?'
      : 'name the private key that cosign generate-key-pair made';
    throw new ReleaseProblem(`${key} can't be used (${lastLine(stderr)}); ${next}`);
  }
  if (!existsSync(PUBLIC_KEY))
    throw new ReleaseProblem(
      `there is no cosign.pub in the tree: cosign public-key --key ${key} > cosign.pub, and commit it`,
    );
  if (readFileSync(PUBLIC_KEY, 'utf8').trim() !== stdout.trim())
    throw new ReleaseProblem(
      `cosign.pub in the tree is not the public key of ${key}: cosign public-key --key ${key} > cosign.pub, and commit it`,
    );
}

/** Whose signatures count: the owner of a key, or GitHub workflows whose URL matches. */
export type Trust = { readonly key: string } | { readonly identity: string };

/** Verifies by cosign, offline if it is by a key. */
export class Verifier {
  readonly #flags: readonly string[];

  constructor(trust: Trust) {
    this.#flags =
      'key' in trust
        ? // Signatures by a key are in no public log: the key alone vouches for them.
          ['--key', trust.key, '--insecure-ignore-tlog=true']
        : ['--certificate-identity-regexp', trust.identity, '--certificate-oidc-issuer', GITHUB_ISSUER];
  }

  /** @throws {ReleaseProblem} if there is no signature that counts */
  verify(reference: string): void {
    this.#run(reference, ['verify', ...this.#flags, reference], 'is not signed by whom you trust');
  }

  /** The same for a file. @param bundle path of its signature */
  verifyFile(file: string, bundle: string): void {
    this.#run(file, ['verify-blob', ...this.#flags, '--bundle', bundle, file], 'is not signed by whom you trust');
  }

  /** @returns the SBOM that was attested. @throws {ReleaseProblem} if there is none by somebody that counts */
  sbomOf(reference: string): Sbom {
    const args = ['verify-attestation', '--type', SBOM_TYPE, ...this.#flags, reference];
    const [envelope = ''] = this.#run(reference, args, 'has no SBOM that was signed by whom you trust').split('\n');
    const { payload } = JSON.parse(envelope) as { payload: string };
    return (JSON.parse(Buffer.from(payload, 'base64').toString()) as { predicate: Sbom }).predicate;
  }

  #run(reference: string, args: readonly string[], otherwise: string): string {
    const { status, stdout, stderr } = run('cosign', args);
    if (/loading public key/.test(stderr))
      throw new ReleaseProblem(
        `the public key can't be used (${lastLine(stderr)}); --key names cosign.pub of who released`,
      );
    if (status !== 0) throw new ReleaseProblem(`${reference} ${otherwise}: do not use it (${lastLine(stderr)})`);
    return stdout;
  }
}

/** A document of SPDX 2.3, as far as it is looked at. */
export interface Sbom {
  readonly packages: readonly { readonly name: string; readonly versionInfo?: string }[];
  readonly files?: readonly { readonly fileName: string }[];
}

/** Cosign 3 asks TUF for the services to sign with, unless it gets a configuration without any. */
function offline(folder: string): readonly string[] {
  const [config, root] = [join(folder, 'signing-config.json'), join(folder, 'trusted-root.json')];
  writeFileSync(config, runWell('cosign', ['signing-config', 'create']));
  writeFileSync(root, runWell('cosign', ['trusted-root', 'create']));
  return ['--signing-config', config, '--trusted-root', root];
}
