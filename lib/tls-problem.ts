import tls from 'node:tls';

/** What a TLS handshake failed at. */
export interface TlsProblem {
  /** Follows "its certificate" or stands for itself, for example `its certificate has expired`. */
  readonly what: string;
  /** A certificate that another authority, or no check at all, would let pass. */
  readonly ofTrust: boolean;
}

const TRUST: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is from a private authority, which is not trusted here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its certificate is from an authority that is not trusted here, or it does not send the certificates between',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is from an authority that is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its certificate is from an authority that is not trusted here, or it does not send the certificates between',
};
const CERTIFICATE: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: is the clock of this machine right?',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};
/** By the reason in the code that Node.js makes of an OpenSSL error. */
const HANDSHAKE: readonly (readonly [reason: RegExp, what: string])[] = [
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNEXPECTED_MESSAGE/, 'it does not speak TLS'],
  [/CERTIFICATE_REQUIRED|ALERT_BAD_CERTIFICATE|ALERT_UNKNOWN_CA/, 'it asks for a certificate of the client'],
  [/UNRECOGNIZED_NAME/, 'it has no certificate for this name'],
  [
    /UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|HANDSHAKE_FAILURE|NO_PROTOCOLS/,
    'it and Node.js have no version of TLS or cipher in common',
  ],
];

/**
 * Words for an error of TLS.
 * @param code of the error (Node.js documentation, "TLS/SSL", "X509 certificate error codes"; OpenSSL's as `ERR_SSL_…`)
 * @returns `undefined` if it is none that is known
 */
export function tlsProblem(code: string): TlsProblem | undefined {
  const what = TRUST[code] ?? CERTIFICATE[code] ?? HANDSHAKE.find(([reason]) => reason.test(code))?.[1];
  return what === undefined ? undefined : { what, ofTrust: code in TRUST };
}

/** Whether a server is to be asked without TLS, as far as the code of the error tells. */
export function isPlainServer(code: string): boolean {
  return HANDSHAKE[0]?.[0].test(code) ?? false;
}

/** All that Node.js trusts, NODE_EXTRA_CA_CERTS too, and more certificates in PEM format. */
export function trustedWith(ca: string): string[] {
  return [...tls.getCACertificates('default'), ca];
}

/** Code of a system error. Where a write of TLS failed at once, OpenSSL's reason is in the message alone, beside `EPROTO`. */
export function codeOf({ code, message }: NodeJS.ErrnoException): string | undefined {
  const reason = code === 'EPROTO' ? /:SSL routines:[^:]*:([^:]+):/.exec(message)?.[1] : undefined;
  return reason === undefined ? code : `ERR_SSL_${reason.toUpperCase().replaceAll(' ', '_')}`;
}
