import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { MountedFiles, type FileTexts } from '../../config/mounted-files.ts';

/** What a connection to the store needs besides its address, each from a file. */
export type ConnectionFile = 'password' | 'ca' | 'certificate' | 'key';

/** The texts of the files; empty for those that are not named. */
export type ConnectionSecrets = FileTexts<ConnectionFile>;

/** Paths of the files; empty for those that are not named. */
export type ConnectionFilePaths = Readonly<Record<ConnectionFile, string>>;

/** The files of connections to the store. They are read again while the process runs. */
export function connectionFiles(paths: ConnectionFilePaths): MountedFiles<ConnectionFile> {
  return new MountedFiles(
    {
      password: { variable: 'REDIS_PASSWORD_FILE', path: paths.password, problem: noPassword },
      ca: { variable: 'REDIS_CA_FILE', path: paths.ca, problem: noCertificate },
      certificate: { variable: 'REDIS_CERT_FILE', path: paths.certificate, problem: noCertificate },
      key: { variable: 'REDIS_KEY_FILE', path: paths.key, problem: noKey },
    },
    (texts) => (texts.certificate === '' || texts.key === '' ? undefined : identityProblem(texts, paths)),
  );
}

/** What is wrong with a certificate and a key that are there. */
function identityProblem({ certificate, key }: ConnectionSecrets, paths: ConnectionFilePaths): string | undefined {
  const file = `REDIS_CERT_FILE=${JSON.stringify(paths.certificate)}`;
  if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)))
    return `REDIS_KEY_FILE=${JSON.stringify(paths.key)} is not the key of the certificate in ${file}`;
  try {
    // Also refuses what is broken further down in a chain, or too weak.
    createSecureContext({ cert: certificate, key });
    return undefined;
  } catch (error) {
    return `${file} can't be used for TLS: ${(error as Error).message}`;
  }
}

function noPassword(text: string): string | undefined {
  return text === '' ? 'is empty: it holds the password, and nothing else' : undefined;
}

function noCertificate(text: string): string | undefined {
  return fails(() => new X509Certificate(text)) ? 'holds no certificate in PEM' : undefined;
}

function noKey(text: string): string | undefined {
  return fails(() => createPrivateKey(text)) ? 'holds no private key in PEM without a passphrase' : undefined;
}

function fails(work: () => unknown): boolean {
  try {
    work();
    return false;
  } catch {
    return true;
  }
}
