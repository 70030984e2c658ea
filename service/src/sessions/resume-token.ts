import { createHmac, timingSafeEqual } from 'node:crypto';
import type { KeyRing } from './key-ring.ts';
import type { SessionId } from './session-store.ts';

/** Options of {@link ResumeTokens}. */
export interface ResumeTokenOptions {
  readonly keys: Pick<KeyRing, 'signing' | 'accepted'>;
  /** Seconds that a token is valid. */
  readonly ttlSeconds: number;
  /** Milliseconds since 1970; `Date.now` by default. */
  readonly now?: () => number;
}

/** Why a token is rejected, with the text for the client. */
export const TOKEN_FAULTS = {
  forged: 'it was not signed with the key of this service',
  expired: 'it has expired',
  foreign: 'it belongs to another session than session_id',
  older: 'more is known of the session than it says',
  unconfigured: 'this service has no RESUME_TOKEN_KEY or RESUME_TOKEN_KEY_FILE',
} as const;

/** A key of {@link TOKEN_FAULTS}. */
export type TokenFault = keyof typeof TOKEN_FAULTS;

const VERSION = 1;
/** Version (1), session (16), count (8), expiry in seconds since 1970 (8). */
const PAYLOAD_BYTES = 33;
const SIGNATURE_BYTES = 32;

/**
 * Signs and verifies the resume token of a bye: a session's count, valid for any process with the key until it expires.
 *
 * A token is base64url of a payload of fixed layout and its HMAC-SHA256 (RFC 2104): no algorithm is negotiated, and
 * nothing is parsed before the signature is verified.
 */
export class ResumeTokens {
  readonly #keys: ResumeTokenOptions['keys'];
  readonly #ttlMs: number;
  readonly #now: () => number;

  constructor({ keys, ttlSeconds, now = Date.now }: ResumeTokenOptions) {
    this.#keys = keys;
    this.#ttlMs = ttlSeconds * 1000;
    this.#now = now;
  }

  /** The token for a session at a count. */
  sign(id: SessionId, count: number): string {
    const payload = Buffer.alloc(PAYLOAD_BYTES);
    payload.writeUInt8(VERSION, 0);
    payload.write(id.replaceAll('-', ''), 1, 'hex');
    payload.writeBigUInt64BE(BigInt(count), 17);
    payload.writeBigUInt64BE(BigInt(Math.ceil((this.#now() + this.#ttlMs) / 1000)), 25);
    return Buffer.concat([payload, signature(this.#keys.signing, payload)]).toString('base64url');
  }

  /**
   * Verifies a token for a session.
   * @returns its count, or what is wrong with it
   */
  verify(token: string, id: SessionId | undefined): number | Exclude<TokenFault, 'older' | 'unconfigured'> {
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length !== PAYLOAD_BYTES + SIGNATURE_BYTES || bytes.readUInt8(0) !== VERSION) return 'forged';
    const payload = bytes.subarray(0, PAYLOAD_BYTES);
    const given = bytes.subarray(PAYLOAD_BYTES);
    if (!this.#keys.accepted.some((key) => timingSafeEqual(signature(key, payload), given))) return 'forged';
    if (Number(payload.readBigUInt64BE(25)) * 1000 < this.#now()) return 'expired';
    if (payload.toString('hex', 1, 17) !== id?.replaceAll('-', '')) return 'foreign';
    return Number(payload.readBigUInt64BE(17));
  }
}

function signature(key: string, payload: Buffer): Buffer {
  return createHmac('sha256', key).update(payload).digest();
}
