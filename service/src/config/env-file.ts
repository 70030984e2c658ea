import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { ConfigError } from './load-config.ts';

/** What a file of variables says. */
export interface EnvFile {
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** A sentence if there is something of the name that is not read. */
  readonly warnings: readonly string[];
}

/**
 * Reads a file of `NAME=value` lines, if there is one. Its encoding is UTF-8, or UTF-16 with a byte order mark, as
 * PowerShell writes it.
 * @throws {ConfigError} if it can't be read, or is no text
 */
export function readEnvFile(path: string): EnvFile {
  try {
    return { variables: parseEnv(decode(readFileSync(path))), warnings: [] };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { variables: {}, warnings: [] };
    // Some keep a virtual environment of Python there.
    if (code === 'EISDIR') return { variables: {}, warnings: [`${path} is a folder, and no options are read from it`] };
    throw new ConfigError([`${path} can't be read: ${message}`]);
  }
}

function decode(bytes: Buffer): string {
  const encoding = ENCODINGS[bytes.subarray(0, 2).toString('hex')] ?? 'utf-8';
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
    if (!text.includes('\0')) return text;
  } catch {
    // The same as text with zeros: another encoding.
  }
  throw new Error('it is not text in UTF-8; save it in that encoding');
}

/** By byte order mark. That of UTF-8 is skipped by the decoder. */
const ENCODINGS: Readonly<Record<string, string>> = { fffe: 'utf-16le', feff: 'utf-16be' };
