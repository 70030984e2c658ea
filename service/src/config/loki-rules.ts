import { readFileSync } from 'node:fs';
import { redactedAddress } from '../../../lib/redaction.ts';
import type { Config } from './options.ts';

/** Options about Loki that contradict each other or can't be used, a sentence each. The sentences hold no secret. */
export function lokiProblems(config: Config): string[] {
  if (!config.lokiEnabled) return [];
  const { lokiUrl, lokiBearerToken, lokiUsername, lokiPassword, lokiTenantId, lokiCaFile } = config;
  const problems = addressProblems(lokiUrl);
  if (lokiBearerToken !== '' && lokiUsername !== '')
    problems.push('LOKI_BEARER_TOKEN and LOKI_USERNAME are both set: Loki takes one of them, drop the other');
  if ((lokiUsername === '') !== (lokiPassword === ''))
    problems.push('LOKI_USERNAME and LOKI_PASSWORD belong together: set both, or neither');
  if (!HEADER_VALUE.test(lokiBearerToken))
    problems.push(
      'LOKI_BEARER_TOKEN (a secret) holds a character that no HTTP header may hold: is it in quotes, or two lines?',
    );
  if (!HEADER_VALUE.test(lokiTenantId))
    problems.push(`LOKI_TENANT_ID=${JSON.stringify(lokiTenantId)} holds a character that no HTTP header may hold`);
  if (lokiCaFile !== '') problems.push(...caProblems(lokiCaFile, lokiUrl));
  return problems;
}

/** Likely mistakes in options about Loki, a sentence each. */
export function lokiWarnings(config: Config): string[] {
  if (config.lokiUrl === '' || config.lokiEnabled) return [];
  return ['LOKI_URL is set and LOKI_ENABLED is not true: no line goes to Loki'];
}

/** Printable ASCII. */
const HEADER_VALUE = /^[\x20-\x7e]*$/;

function addressProblems(address: string): string[] {
  if (address === '') return ['LOKI_URL must be set when LOKI_ENABLED=true, for example http://loki:3100'];
  const url = URL.parse(address);
  // What stands in an address may be a secret.
  if (url !== null && (url.username !== '' || url.password !== ''))
    return ['LOKI_URL must not hold a user or a password, since it is logged: set LOKI_USERNAME and LOKI_PASSWORD'];
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '')
    return [
      `LOKI_URL=${JSON.stringify(redactedAddress(address))} must be http(s)://host[:port][/path], for example http://loki:3100`,
    ];
  return [];
}

function caProblems(file: string, address: string): string[] {
  if (!address.startsWith('https:'))
    return [
      `LOKI_CA_FILE=${JSON.stringify(file)} is for https, and LOKI_URL=${JSON.stringify(redactedAddress(address))} is not`,
    ];
  try {
    const holdsCertificate = readFileSync(file, 'utf8').includes('-----BEGIN CERTIFICATE-----');
    return holdsCertificate ? [] : [`LOKI_CA_FILE=${JSON.stringify(file)} holds no certificate in PEM format`];
  } catch (error) {
    return [`LOKI_CA_FILE=${JSON.stringify(file)} can't be read: ${(error as Error).message}`];
  }
}
