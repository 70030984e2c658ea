import { createPrivateKey, X509Certificate } from 'node:crypto';
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
    ({ certificate, key }) => {
      if (certificate === '' || key === '') return undefined;
      if (new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) return undefined;
      return `REDIS_KEY_FILE=${JSON.stringify(paths.key)} is not the key of the certificate in REDIS_CERT_FILE=${JSON.stringify(paths.certificate)}`;
    },
  );
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
